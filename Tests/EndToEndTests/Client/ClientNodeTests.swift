import JSON
import Loopback
import Redis
import Testing

@testable import Check
@testable import SignalRClient

/// The client against a real node.
@Suite(.timeLimit(.minutes(2)))
struct ClientNodeTests {
    private static func with<Value: Sendable>(
        _ transport: ClientTransport, node: NodeURL, user: String = "", reconnects: Bool = false,
        _ body: (SignalRClient, EventLog) async throws -> Value
    ) async throws -> Value {
        try await SharedNetwork.run { network in
            let log = EventLog()
            let client = SignalRClient(
                configuration: SignalRClientConfiguration(
                    node: node, hubs: ["ChatHub"], transport: transport, query: [("user", user)],
                    reconnectsByItself: reconnects),
                network: network, onEvent: log.add)
            do {
                try await client.start()
                let value = try await body(client, log)
                await client.stop()
                return value
            } catch {
                await client.stop()
                throw error
            }
        }
    }

    @Test(arguments: ClientTransport.allCases)
    func callsAndIsCalled(transport: ClientTransport) async throws {
        try await Nodes.run(1) { nodes, _ in
            try await Self.with(transport, node: nodes[0].url, user: "anna") { client, log in
                let values: [JSONTree] = ["é 👍 \u{0}\u{2028}\"\\", 9_007_199_254_740_991, [nil, ["a": true]], nil]
                for value in values { #expect(try await client.invoke("chatHub", "echo", [value]) == value) }
                #expect(try await client.invoke("CHATHUB", "SEND", ["n", "hello"]) == nil)
                #expect(await log.wait(for: "hello"))
                try await client.invoke("chatHub", "sendToUser", ["anna", "for anna"])
                try await client.invoke("chatHub", "sendToUser", ["bert", "for bert"])
                try await client.invoke("chatHub", "sendToOthers", ["n", "for others"])
                try await client.invoke("chatHub", "send", ["n", "end"])
                #expect(await log.wait(for: "end"))
                #expect(log.texts("userMessage") == ["for anna"])
                #expect(log.texts("broadcastMessage") == ["hello", "end"])
                #expect(log.states == [.connecting, .connected])
                #expect(await client.cursor.flatMap(CursorText.id) != nil)
            }
        }
    }

    @Test(arguments: ClientTransport.allCases)
    func errorsAreTyped(transport: ClientTransport) async throws {
        try await Nodes.run(1) { nodes, _ in
            try await Self.with(transport, node: nodes[0].url) { client, _ in
                await #expect(throws: CallError(text: "no é", isHubException: true)) {
                    try await client.invoke("chatHub", "fail", ["no é"])
                }
                do {
                    try await client.invoke("chatHub", "noSuchMethod")
                    Issue.record("a call of a missing method succeeded")
                } catch let error as CallError {
                    #expect(!error.isHubException)
                }
            }
        }
    }

    @Test(arguments: ClientTransport.allCases)
    func progressComesInOrder(transport: ClientTransport) async throws {
        try await Nodes.run(1) { nodes, _ in
            try await Self.with(transport, node: nodes[0].url) { client, log in
                #expect(try await client.invoke("chatHub", "progress", [4]) == 4)
                try await client.invoke("chatHub", "send", ["n", "end"])
                #expect(await log.wait(for: "end"))
                let values = log.events.compactMap { event -> JSONTree? in
                    if case .progress(0, let value) = event { value } else { nil }
                }
                #expect(values == [1, 2, 3, 4])
            }
        }
    }

    /// Twice: to the same node, and to another one, where the groups token proves the membership.
    @Test(arguments: ClientTransport.allCases)
    func missesNothingWhileAway(transport: ClientTransport) async throws {
        try await Nodes.run(2) { nodes, _ in
            try await Self.with(.webSockets, node: nodes[1].url) { other, _ in
                try await Self.with(transport, node: nodes[0].url) { client, log in
                    try await client.invoke("chatHub", "joinGroup", ["Room"])
                    for node in [nil, nodes[1].url] {
                        try await client.invoke("chatHub", "send", ["n", "before \(node == nil)"])
                        #expect(await log.wait(for: "before \(node == nil)"))
                        await client.dropTransport()
                        #expect(await !client.isConnected)
                        try await other.invoke("chatHub", "send", ["n", "meanwhile \(node == nil)"])
                        try await other.invoke("chatHub", "sendToGroup", ["room", "n", "group \(node == nil)"])
                        await #expect(throws: SignalRClientError.self) {
                            try await client.invoke("chatHub", "echo", [1])
                        }
                        try await client.reconnect(to: node)
                        #expect(await log.wait(for: "group \(node == nil)", in: "groupMessage"))
                    }
                    #expect(try await client.invoke("chatHub", "echo", ["here"]) == "here")
                    #expect(
                        log.texts("broadcastMessage") == [
                            "before true", "meanwhile true", "before false", "meanwhile false",
                        ])
                    #expect(log.texts("groupMessage") == ["group true", "group false"])
                    let dropped = SignalRClientState.waiting(reason: "dropped by the owner")
                    #expect(log.states == [.connecting, .connected, dropped, .connected, dropped, .connected])
                    #expect(await client.node == nodes[1].url)
                }
            }
        }
    }

    @Test func aFailedConnectionGivesTheReason() async throws {
        try await Nodes.run(1) { nodes, redis in
            let base = "http://127.0.0.1:\(nodes[0].url.port)"
            let wrongPath = await Self.failure(try NodeURL(base + "/other"))
            guard case .refused(_, "/negotiate", 404, _) = wrongPath else {
                Issue.record("\(String(describing: wrongPath))")
                return
            }
            let notHTTP = await Self.failure(try NodeURL("http://\(redis.endpoint)/signalr"))
            #expect("\(String(describing: notHTTP))".contains(redis.endpoint))
        }
        let nobody = await Self.failure(try NodeURL("http://127.0.0.1:1/signalr"))
        guard case .cannotConnect(_, "it refused the connection: is it running, and is this its port?") = nobody else {
            Issue.record("\(String(describing: nobody))")
            return
        }
    }

    private static func failure(_ node: NodeURL) async -> SignalRClientError? {
        do {
            try await with(.webSockets, node: node) { _, _ in }
            return nil
        } catch {
            return error as? SignalRClientError
        }
    }

    @Test func aStoppedClientCannotBeReused() async throws {
        try await Nodes.run(1) { nodes, _ in
            try await SharedNetwork.run { network in
                let client = SignalRClient(
                    configuration: SignalRClientConfiguration(node: nodes[0].url, hubs: ["chatHub"]), network: network)
                await #expect(throws: SignalRClientError.self) { try await client.reconnect() }
                try await client.start()
                await #expect(throws: SignalRClientError.self) { try await client.start() }
                #expect(try await client.invoke("chatHub", "echo", [1]) == 1)
                await client.stop()
                await client.stop()
                await #expect(throws: SignalRClientError.self) { try await client.invoke("chatHub", "echo", [1]) }
                await #expect(throws: SignalRClientError.self) { try await client.reconnect() }
            }
        }
    }

    @Test func manyClientsShareOneProcess() async throws {
        let count = 300
        try await Nodes.run(1) { nodes, _ in
            try await SharedNetwork.run { network in
                let logs = (0..<count).map { _ in EventLog() }
                let clients = logs.map { log in
                    SignalRClient(
                        configuration: SignalRClientConfiguration(
                            node: nodes[0].url, hubs: ["chatHub"], openTimeout: .seconds(60)),
                        network: network, onEvent: log.add)
                }
                try await withThrowingTaskGroup(of: Void.self) { group in
                    for client in clients { group.addTask { try await client.start() } }
                    for try await _ in group {}
                }
                try await clients[0].invoke("chatHub", "send", ["n", "to all"])
                for log in logs { #expect(await log.wait(for: "to all")) }
                await withTaskGroup(of: Void.self) { group in
                    for client in clients { group.addTask { await client.stop() } }
                }
            }
        }
    }
}
