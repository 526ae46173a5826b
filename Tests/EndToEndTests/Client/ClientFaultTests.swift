import JSON
import Loopback
import NIOSSL
import Testing

@testable import SignalRClient

/// The client with servers that violate the protocol, and over TLS.
@Suite(.timeLimit(.minutes(2)))
struct ClientFaultTests {
    private static let initial = ScriptedNode.stream(
        "data: initialized\n\ndata: {\"C\":\"s-0,1\",\"S\":1,\"M\":[]}\n\n")
    private static let started = ScriptedNode.json(#"{ "Response": "started" }"#)

    /// Starts a client of server-sent events at a scripted node, and waits for an event that `matches`.
    private static func states(
        _ answers: [String: String], requestTimeout: Duration = .seconds(30),
        until matches: @escaping @Sendable (SignalRClientState) -> Bool
    ) async throws -> [SignalRClientState] {
        try await ScriptedNode.run(answers) { port in
            try await SharedNetwork.run { network in
                let log = EventLog()
                let client = SignalRClient(
                    configuration: SignalRClientConfiguration(
                        node: try NodeURL("http://127.0.0.1:\(port)/signalr"), hubs: ["chatHub"],
                        transport: .serverSentEvents, reconnectsByItself: false, requestTimeout: requestTimeout),
                    network: network, onEvent: log.add)
                try? await client.start()
                let came = await log.wait { events in
                    events.contains { if case .stateChanged(let state) = $0 { matches(state) } else { false } }
                }
                #expect(came)
                await client.stop()
                return log.states
            }
        }
    }

    @Test func noticesSilence() async throws {
        let answers = [
            "negotiate": ScriptedNode.negotiation(keepAlive: 0.5), "connect": Self.initial, "start": Self.started,
        ]
        let states = try await Self.states(answers) { if case .waiting = $0 { true } else { false } }
        #expect("\(states)".contains("not even a keep-alive"))
    }

    @Test func aMissingFirstFramePointsToRedis() async throws {
        let answers = [
            "negotiate": ScriptedNode.negotiation(open: 3), "connect": ScriptedNode.stream("data: initialized\n\n"),
        ]
        let states = try await Self.states(answers) { if case .disconnected = $0 { true } else { false } }
        #expect("\(states)".contains("its path through Redis is broken"))
    }

    @Test func theWaitForASilentTransportIsLimited() async throws {
        let answers = ["negotiate": ScriptedNode.negotiation(open: 0.5), "connect": ScriptedNode.stream("")]
        let states = try await Self.states(answers) { if case .disconnected = $0 { true } else { false } }
        #expect("\(states)".contains("the opening of serverSentEvents"))
    }

    @Test(arguments: ["data: {\"C\":\n\n", "data: 17\n\n", "data: {\"x\":1}\n\n"])
    func aBrokenFrameEndsTheTransport(frame: String) async throws {
        let answers = [
            "negotiate": ScriptedNode.negotiation(), "connect": Self.initial + frame, "start": Self.started,
        ]
        let states = try await Self.states(answers) { state in
            switch state {
            case .waiting, .disconnected: true
            default: false
            }
        }
        #expect("\(states)".contains("a frame is"))
    }

    @Test(arguments: [
        "{}", "[]", "hello", #"{"ConnectionId":"x"}"#,
    ])
    func anAnswerOfAnotherProtocolIsNamed(body: String) async throws {
        let states = try await Self.states(["negotiate": ScriptedNode.json(body)]) {
            if case .disconnected = $0 { true } else { false }
        }
        #expect("\(states)".contains("like a SignalR 2 node"))
    }

    @Test func theWaitForAnUnresponsiveNodeIsLimited() async throws {
        let answers = ["negotiate": "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf"]
        let states = try await Self.states(answers, requestTimeout: .seconds(2)) {
            if case .disconnected = $0 { true } else { false }
        }
        #expect("\(states)".contains("did not answer /negotiate within 2 s"))
    }

    @Test(arguments: ClientTransport.allCases, ["127.0.0.1", "localhost"])
    func speaksTLS(transport: ClientTransport, host: String) async throws {
        try await Nodes.run(1) { nodes, _ in
            try await TLSProxy.run(to: nodes[0].url.port) { port in
                var tls = TLSConfiguration.makeClientConfiguration()
                tls.trustRoots = .certificates([try TLSProxy.certificate()])
                try await SharedNetwork.run(tls: tls) { network in
                    let log = EventLog()
                    let client = SignalRClient(
                        configuration: SignalRClientConfiguration(
                            node: try NodeURL("https://\(host):\(port)/signalr"), hubs: ["chatHub"],
                            transport: transport,
                            openTimeout: .seconds(20)),
                        network: network, onEvent: log.add)
                    try await client.start()
                    try await client.invoke("chatHub", "send", ["n", "over TLS"])
                    #expect(await log.wait(for: "over TLS"))
                    await client.stop()
                }
            }
        }
    }

    @Test func rejectsAnUntrustedCertificate() async throws {
        try await Nodes.run(1) { nodes, _ in
            try await TLSProxy.run(to: nodes[0].url.port) { port in
                try await SharedNetwork.run { network in
                    let client = SignalRClient(
                        configuration: SignalRClientConfiguration(
                            node: try NodeURL("https://localhost:\(port)/signalr"), hubs: ["chatHub"]),
                        network: network)
                    await #expect(throws: SignalRClientError.self) { try await client.start() }
                }
            }
        }
    }
}
