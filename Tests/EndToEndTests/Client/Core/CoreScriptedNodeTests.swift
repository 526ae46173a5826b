import JSON
import NIOHTTP1
import Synchronization
import TestSupport
import Testing

@testable import SignalRClient

/// The client of ASP.NET Core with a scripted node, for behavior that real nodes show rarely or never.
@Suite(.timeLimit(.minutes(2)))
struct CoreScriptedNodeTests {
    /// Runs `body` with a client of a scripted node, and stops the client at the end.
    private static func with<Value>(
        _ node: ScriptedCoreNode, answers: [String: CoreSignalRClient.Answer] = [:],
        _ change: (inout CoreClientConfiguration) -> Void = { _ in },
        _ body: (CoreSignalRClient, EventLog) async throws -> Value
    ) async throws -> Value {
        try await SharedNetwork.run { network in
            let log = EventLog()
            var configuration = CoreClientConfiguration(
                node: try NodeURL("http://127.0.0.1:\(node.port)/chathub"), retryDelays: [.zero])
            change(&configuration)
            let client = CoreSignalRClient(
                configuration: configuration, network: network, answers: answers, onEvent: log.add)
            do {
                let value = try await body(client, log)
                await client.stop()
                return value
            } catch {
                await client.stop()
                throw error
            }
        }
    }

    /// Starts the client and performs the handshake.
    private static func connect(
        _ client: CoreSignalRClient, _ node: ScriptedCoreNode
    ) async throws -> (ScriptedCoreNode.Socket, handshake: String?) {
        let started = Task { try await client.start() }
        let socket = try #require(await node.socket())
        let handshake = await socket.shakeHands()
        try await started.value
        return (socket, handshake)
    }

    @Test func sendsTokenHeadersAndQueryWithEverything() async throws {
        try await ScriptedCoreNode.run { node in
            try await Self.with(node) {
                $0.accessToken = "secret"
                $0.headers = [("X-Tenant", "a")]
                $0.query = [("user", "anna")]
            } _: { client, _ in
                let (socket, handshake) = try await Self.connect(client, node)
                #expect(handshake == #"{"protocol":"json","version":1}|"#)
                #expect(node.heard == ["POST /chathub/negotiate?user=anna&negotiateVersion=1"])
                #expect(socket.target == "/chathub?user=anna&id=t")
                #expect(socket.headers.first(name: "Authorization") == "Bearer secret")
                #expect(socket.headers.first(name: "X-Tenant") == "a")
                #expect(await client.connectionID == "c")
            }
        }
    }

    @Test func followsARedirectAndNegotiatesThere() async throws {
        try await ScriptedCoreNode.run { second in
            let port = second.port
            try await ScriptedCoreNode.run(answer: { _, _ in
                (.ok, #"{"url":"http://127.0.0.1:\#(port)/there?hub=chat","accessToken":"other"}"#)
            }) { first in
                try await Self.with(first, { $0.accessToken = "secret" }) { client, _ in
                    let (socket, _) = try await Self.connect(client, second)
                    #expect(second.heard == ["POST /there/negotiate?hub=chat&negotiateVersion=1"])
                    #expect(socket.target == "/there?hub=chat&id=t")
                    #expect(socket.headers.first(name: "Authorization") == "Bearer other")
                }
            }
        }
    }

    @Test func endlessRedirectsEnd() async throws {
        let target = RedirectTarget()
        try await ScriptedCoreNode.run(answer: { _, number in
            (.ok, #"{"url":"http://127.0.0.1:\#(target.port)/again\#(number)"}"#)
        }) { node in
            target.set(node.port)
            try await Self.with(node) { client, _ in
                let error = await #expect(throws: SignalRClientError.self) { try await client.start() }
                #expect("\(String(describing: error))".contains("redirects clients more than 100 times"))
                #expect(node.heard.count == 101)
            }
        }
    }

    @Test(arguments: [
        (#"{"error":"no more clients"}"#, "refused this client: no more clients"),
        (#"{"ConnectionId":"x","ConnectionToken":"y"}"#, "it answers like SignalR 2"),
        ("<html><title>Welcome</title></html>", "it answers with a web page: Welcome"),
        (#"{"connectionId":"c","availableTransports":[]}"#, "it does not offer webSockets for json"),
    ])
    func anUnknownNegotiationResponseIsDescribed(body: String, text: String) async throws {
        try await ScriptedCoreNode.run(answer: { _, _ in (.ok, body) }) { node in
            try await Self.with(node) { client, _ in
                let error = await #expect(throws: SignalRClientError.self) { try await client.start() }
                #expect("\(String(describing: error))".contains(text))
            }
        }
    }

    @Test(arguments: [(404, "as in MapHub"), (401, "requires a login"), (503, "is the node running")])
    func aRefusedNegotiationNamesTheRemedy(status: Int, text: String) async throws {
        try await ScriptedCoreNode.run(answer: { _, _ in (.init(statusCode: status), "") }) { node in
            try await Self.with(node) { client, _ in
                let error = await #expect(throws: SignalRClientError.self) { try await client.start() }
                #expect("\(String(describing: error))".contains(text))
            }
        }
    }

    /// The effect of a load balancer without affinity.
    @Test func anUnknownConnectionPointsAtTheLoadBalancer() async throws {
        try await ScriptedCoreNode.run(admits: { _ in false }) { node in
            try await Self.with(node) { client, _ in
                let error = await #expect(throws: SignalRClientError.self) { try await client.start() }
                #expect("\(String(describing: error))".contains("affinity"))
            }
        }
    }

    @Test func aRefusedHandshakeIsReportedInTheNodesWords() async throws {
        try await ScriptedCoreNode.run { node in
            try await Self.with(node) { client, log in
                let started = Task { try await client.start() }
                let socket = try #require(await node.socket())
                _ = await socket.next()
                socket.send(#"{"error":"The protocol 'json' is not supported."}|"#)
                await #expect(throws: SignalRClientError.self) { try await started.value }
                #expect("\(log.states)".contains("is not supported"))
            }
        }
    }

    @Test func theHandshakeTimesOut() async throws {
        try await ScriptedCoreNode.run { node in
            try await Self.with(node, { $0.timeouts.handshake = .milliseconds(300) }) { client, _ in
                let error = await #expect(throws: SignalRClientError.self) { try await client.start() }
                #expect("\(String(describing: error))".contains("the handshake over webSockets"))
            }
        }
    }

    /// Frames may contain several messages, and parts of messages.
    @Test func messagesMaySpanFrames() async throws {
        try await ScriptedCoreNode.run { node in
            try await Self.with(node) { client, log in
                let (socket, _) = try await Self.connect(client, node)
                socket.send(#"{"type":1,"target":"a","arguments":["1"]}|{"type":6}|{"type":1,"tar"#)
                socket.send(#"get":"a","argum"#)
                socket.send(#"ents":["2"]}|{"type":77}|{"type":1,"target":"a","arguments":["3"]}|"#)
                #expect(await log.wait(for: "3", in: "a"))
                #expect(log.texts("a") == ["1", "2", "3"])
            }
        }
    }

    @Test func pingsASilentNode() async throws {
        try await ScriptedCoreNode.run { node in
            try await Self.with(node, { $0.timeouts.ping = .milliseconds(200) }) { client, _ in
                let (socket, _) = try await Self.connect(client, node)
                #expect(await socket.next() == "{\"type\":6}|")
                #expect(await socket.next() == "{\"type\":6}|")
            }
        }
    }

    @Test func noticesSilence() async throws {
        try await ScriptedCoreNode.run { node in
            try await Self.with(
                node,
                {
                    $0.retryDelays = []
                    $0.timeouts.server = .milliseconds(900)
                }
            ) { client, log in
                _ = try await Self.connect(client, node)
                #expect(
                    await log.wait { "\($0)".contains("not even a ping") })
            }
        }
    }

    @Test func answersANodeThatWaitsForAResult() async throws {
        try await ScriptedCoreNode.run { node in
            try await Self.with(
                node,
                answers: [
                    "Double": { arguments in .integer((arguments.first?.integer ?? 0) * 2) },
                    "fail": { _ in throw CallError(text: "not now") },
                ]
            ) { client, _ in
                let (socket, _) = try await Self.connect(client, node)
                socket.send(#"{"type":1,"invocationId":"x/+","target":"double","arguments":[21]}|"#)
                #expect(await socket.next() == #"{"type":3,"invocationId":"x/+","result":42}|"#)
                socket.send(#"{"type":1,"invocationId":"y","target":"FAIL","arguments":[]}|"#)
                #expect(await socket.next() == #"{"type":3,"invocationId":"y","error":"not now"}|"#)
                socket.send(#"{"type":1,"invocationId":"z","target":"other","arguments":[]}|"#)
                #expect(
                    await socket.next()
                        == #"{"type":3,"invocationId":"z","error":"Client didn't provide a result."}|"#)
            }
        }
    }

    @Test func anAbandonedStreamIsCancelled() async throws {
        try await ScriptedCoreNode.run { node in
            try await Self.with(node) { client, _ in
                let (socket, _) = try await Self.connect(client, node)
                let reading = Task {
                    for try await item in await client.stream("Count", [100]) { return item }
                    return JSONTree.null
                }
                #expect(
                    await socket.next() == #"{"type":4,"invocationId":"1","target":"Count","arguments":[100]}|"#)
                socket.send(#"{"type":2,"invocationId":"1","item":7}|"#)
                #expect(try await reading.value == 7)
                #expect(await socket.next() == #"{"type":5,"invocationId":"1"}|"#)
            }
        }
    }

    // MARK: - Reconnecting

    @Test func aCloseWithAllowReconnectLeadsToANewConnection() async throws {
        try await ScriptedCoreNode.run { node in
            try await Self.with(node) { client, log in
                let (socket, _) = try await Self.connect(client, node)
                socket.send(#"{"type":7,"error":"bye","allowReconnect":true}|"#)
                let next = try #require(await node.socket())
                #expect(await next.shakeHands() == #"{"protocol":"json","version":1}|"#)
                next.send(#"{"type":1,"target":"a","arguments":["here"]}|"#)
                #expect(await log.wait(for: "here", in: "a"))
                #expect(node.heard.count == 2)
                #expect(log.states.filter { $0 == .connected }.count == 2)
            }
        }
    }

    @Test func aCloseWithoutAllowReconnectIsFinal() async throws {
        try await ScriptedCoreNode.run { node in
            try await Self.with(node) { client, log in
                let (socket, _) = try await Self.connect(client, node)
                socket.send(#"{"type":7,"error":"go away"}|"#)
                #expect(await log.wait { "\($0)".contains("disconnected") })
                #expect("\(log.states)".contains("go away"))
                await #expect(throws: SignalRClientError.self) { try await client.invoke("echo", [1]) }
            }
        }
    }

    @Test func aLostConnectionFailsItsCalls() async throws {
        try await ScriptedCoreNode.run { node in
            try await Self.with(node) { client, _ in
                let (socket, _) = try await Self.connect(client, node)
                let answer = Task { try await client.invoke("echo", [1]) }
                _ = await socket.next()
                try await socket.cut()
                await #expect(throws: SignalRClientError.self) { try await answer.value }
                #expect(await node.socket() != nil)
            }
        }
    }

    /// The recorded exchange (wire-net8.txt, "stateful reconnect"), with the messages of the real node.
    @Test func aStatefulConnectionResumesWhereItStopped() async throws {
        try await ScriptedCoreNode.run(answer: { _, _ in (.ok, ScriptedCoreNode.negotiation(stateful: true)) }) {
            node in
            try await Self.with(node, { $0.usesStatefulReconnect = true }) { client, log in
                let (socket, handshake) = try await Self.connect(client, node)
                #expect(node.heard == ["POST /chathub/negotiate?negotiateVersion=1&useStatefulReconnect=true"])
                #expect(handshake == #"{"protocol":"json","version":2}|"#)
                let first = Task { try await client.invoke("Echo", ["a"]) }
                #expect(await socket.next() == #"{"type":1,"invocationId":"1","target":"Echo","arguments":["a"]}|"#)
                socket.send(#"{"type":3,"invocationId":"1","result":"a"}|{"type":8,"sequenceId":1}|"#)
                #expect(try await first.value == "a")
                // At most one per second, and only after a message was received.
                #expect(await socket.next() == #"{"type":8,"sequenceId":1}|"#)
                let second = Task { try await client.invoke("Echo", ["b"]) }
                #expect(await socket.next() == #"{"type":1,"invocationId":"2","target":"Echo","arguments":["b"]}|"#)
                try await socket.cut()

                let next = try #require(await node.socket())
                #expect(next.target == "/chathub?id=t")
                // No negotiation, no handshake; messages that the node has not acknowledged are repeated.
                #expect(
                    await next.next()
                        == #"{"type":9,"sequenceId":2}|{"type":1,"invocationId":"2","target":"Echo","arguments":["b"]}|"#
                )
                next.send(
                    #"{"type":9,"sequenceId":1}|{"type":3,"invocationId":"1","result":"a"}|{"type":3,"invocationId":"2","result":"b"}|{"type":1,"target":"Recv","arguments":["while away 1"]}|"#
                )
                #expect(try await second.value == "b")
                #expect(await log.wait(for: "while away 1", in: "Recv"))
                #expect(node.heard.count == 1)
                #expect(await client.connectionID == "c")
            }
        }
    }

    @Test func aConnectionThatTheNodeNoLongerHasIsReplaced() async throws {
        try await ScriptedCoreNode.run(
            admits: { $0 != 1 }, answer: { _, _ in (.ok, ScriptedCoreNode.negotiation(stateful: true)) }
        ) { node in
            try await Self.with(node, { $0.usesStatefulReconnect = true }) { client, _ in
                let (socket, _) = try await Self.connect(client, node)
                let answer = Task { try await client.invoke("Echo", ["a"]) }
                _ = await socket.next()
                try await socket.cut()
                await #expect(throws: SignalRClientError.self) { try await answer.value }
                let next = try #require(await node.socket())
                #expect(await next.shakeHands() == #"{"protocol":"json","version":2}|"#)
                #expect(node.heard.count == 2)
            }
        }
    }

    /// A node that skips messages has lost them: the connection cannot be resumed.
    @Test func missingMessagesAreReported() async throws {
        try await ScriptedCoreNode.run(answer: { _, _ in (.ok, ScriptedCoreNode.negotiation(stateful: true)) }) {
            node in
            try await Self.with(node, { $0.usesStatefulReconnect = true }) { client, log in
                let (socket, _) = try await Self.connect(client, node)
                try await socket.cut()
                let next = try #require(await node.socket())
                next.send(#"{"type":9,"sequenceId":3}|"#)
                let new = try #require(await node.socket())
                #expect(await new.shakeHands() == #"{"protocol":"json","version":2}|"#)
                #expect("\(log.states)".contains("did not arrive"))
            }
        }
    }

    /// Without acks from the node, the sender waits.
    @Test func unacknowledgedDataIsLimited() async throws {
        try await ScriptedCoreNode.run(answer: { _, _ in (.ok, ScriptedCoreNode.negotiation(stateful: true)) }) {
            node in
            try await Self.with(node, { $0.usesStatefulReconnect = true }) { client, _ in
                let (socket, _) = try await Self.connect(client, node)
                let text = JSONTree.string(String(repeating: "x", count: 60_000))
                let sending = Task { for _ in 0..<3 { try await client.send("a", [text]) } }
                #expect(await socket.next()?.count ?? 0 > 60_000)
                #expect(await socket.next()?.count ?? 0 > 60_000)
                socket.send(#"{"type":8,"sequenceId":1}|"#)
                #expect(await socket.next()?.count ?? 0 > 60_000)
                try await sending.value
            }
        }
    }
}

/// The port to which the endless redirect leads.
private final class RedirectTarget: Sendable {
    private let value = Mutex(0)
    var port: Int { value.withLock { $0 } }

    func set(_ port: Int) { value.withLock { $0 = port } }
}
