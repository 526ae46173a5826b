import Backplane
import JSON
import Loopback
import Redis
import Testing

@testable import Check
@testable import SignalRClient

/// The client of ASP.NET Core with a hub node of this package, over each transport and in each protocol.
@Suite(.timeLimit(.minutes(2)))
struct CoreNodeTests {
    /// A client's transport and protocol.
    struct Way: Sendable, CustomTestStringConvertible {
        let transport: ClientTransport
        let format: CoreFormat

        var testDescription: String { "\(transport), \(format.name)" }
    }

    static let ways = [
        Way(transport: .webSockets, format: .json), Way(transport: .webSockets, format: .messagePack),
        Way(transport: .serverSentEvents, format: .json), Way(transport: .longPolling, format: .json),
        Way(transport: .longPolling, format: .messagePack),
    ]

    private static func with<Value: Sendable>(
        _ way: Way, node: NodeURL, answers: [String: CoreSignalRClient.Answer] = [:],
        _ change: (inout CoreClientConfiguration) -> Void = { _ in },
        _ body: (CoreSignalRClient, EventLog) async throws -> Value
    ) async throws -> Value {
        try await SharedNetwork.run { network in
            let log = EventLog()
            var configuration = CoreClientConfiguration(
                node: try NodeURL("http://\(node.authority)/chathub"), transport: way.transport, format: way.format,
                query: [("user", "anna")], retryDelays: [.zero, .milliseconds(200)])
            change(&configuration)
            let client = CoreSignalRClient(
                configuration: configuration, network: network, answers: answers, onEvent: log.add)
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

    @Test(arguments: ways)
    func callsAndIsCalled(way: Way) async throws {
        try await Nodes.run(1) { nodes, _ in
            try await Self.with(way, node: nodes[0].url) { client, log in
                let values: [JSONTree] = [
                    "é 👍 \u{0}\u{2028}\"\\", 9_007_199_254_740_991, [nil, ["a": true]], nil, 0.1,
                ]
                for value in values { #expect(try await client.invoke("echo", [value]) == value) }
                #expect(try await client.invoke("SEND", ["n", "hello"]) == nil)
                #expect(await log.wait(for: "hello"))
                try await client.invoke("sendToUser", ["anna", "for anna"])
                try await client.invoke("sendToUser", ["bert", "for bert"])
                try await client.invoke("sendToOthers", ["n", "for others"])
                try await client.invoke("joinGroup", ["g"])
                try await client.invoke("sendToGroup", ["g", "n", "for g"])
                try await client.invoke("leaveGroup", ["g"])
                try await client.invoke("sendToGroup", ["g", "n", "for g again"])
                try await client.send("send", ["n", "end"])
                #expect(await log.wait(for: "end"))
                #expect(log.texts("userMessage") == ["for anna"])
                #expect(log.texts("groupMessage") == ["for g"])
                #expect(log.texts("broadcastMessage") == ["hello", "end"])
                #expect(log.states == [.connecting, .connected])
                let (said, id) = (try await client.invoke("whoAmI").string, await client.connectionID)
                #expect(said != nil && said == id)
            }
        }
    }

    @Test(arguments: ways)
    func errorsAreTyped(way: Way) async throws {
        try await Nodes.run(1) { nodes, _ in
            try await Self.with(way, node: nodes[0].url) { client, _ in
                await #expect(
                    throws: CallError(
                        text: "An unexpected error occurred invoking 'fail' on the server. HubException: no é",
                        isHubException: true)
                ) { try await client.invoke("fail", ["no é"]) }
                await #expect(throws: CallError.self) { try await client.invoke("noSuchMethod") }
            }
        }
    }

    @Test(arguments: ways)
    func streamsBothWays(way: Way) async throws {
        try await Nodes.run(1) { nodes, _ in
            try await Self.with(way, node: nodes[0].url) { client, _ in
                var items: [JSONTree] = []
                for try await item in await client.stream("countTo", [5]) { items.append(item) }
                #expect(items == [1, 2, 3, 4, 5])
                await #expect(throws: CallError.self) {
                    for try await _ in await client.stream("countTo", [-1]) {}
                }
                let (numbers, put) = CoreSignalRClient.Upload.makeStream()
                for number in 1...10 { put.yield(.integer(Int64(number))) }
                put.finish()
                #expect(try await client.invoke("sum", uploads: [numbers]) == 55)
            }
        }
    }

    @Test(arguments: ways)
    func answersCallsForResults(way: Way) async throws {
        try await Nodes.run(1) { nodes, _ in
            try await Self.with(
                way, node: nodes[0].url,
                answers: ["answer": { arguments in .array(["re", arguments.first ?? .null]) }]
            ) { client, _ in
                let id = try #require(await client.connectionID)
                // The node runs one call of a connection at a time, so another client calls `ask`.
                try await Self.with(way, node: nodes[0].url) { asker, _ in
                    let answer = try await asker.invoke("ask", [.string(id), "q"])
                    #expect(answer == ["re", "q"])
                }
            }
        }
    }

    @Test(arguments: ways)
    func aLostTransportLeadsToANewConnection(way: Way) async throws {
        try await Nodes.run(1) { nodes, _ in
            try await Self.with(way, node: nodes[0].url) { client, log in
                let first = await client.connectionID
                await client.loseTransport()
                #expect(
                    await log.wait { events in
                        events.count { if case .stateChanged(.connected) = $0 { true } else { false } } == 2
                    })
                let second = await client.connectionID
                #expect(second != nil && second != first)
                try await client.invoke("send", ["n", "again"])
                #expect(await log.wait(for: "again"))

                await client.dropTransport()
                await #expect(throws: SignalRClientError.self) { try await client.invoke("echo", [1]) }
                try await client.reconnect()
                #expect(try await client.invoke("echo", [1]) == 1)
                #expect(await client.connectionID != second)
            }
        }
    }

    /// A broken webSocket causes neither a new connection nor a gap, on either side.
    @Test(arguments: CoreFormat.allCases)
    func aStatefulConnectionSurvivesItsWebSocket(format: CoreFormat) async throws {
        try await Nodes.run(1) { nodes, _ in
            let way = Way(transport: .webSockets, format: format)
            try await Self.with(way, node: nodes[0].url, { $0.usesStatefulReconnect = true }) { client, log in
                #expect(await client.isStateful)
                let id = await client.connectionID
                try await client.invoke("joinGroup", ["g"])
                await client.dropTransport()
                try await Self.with(way, node: nodes[0].url) { other, _ in
                    try await other.invoke("send", ["n", "meanwhile"])
                    try await other.invoke("sendToGroup", ["g", "n", "to g"])
                }
                // Sent before the node can be reached again.
                let answer = Task { try await client.invoke("echo", ["kept"]) }
                try await client.reconnect()
                #expect(try await answer.value == "kept")
                #expect(await log.wait(for: "to g", in: "groupMessage"))
                #expect(log.texts("broadcastMessage") == ["meanwhile"])
                await client.loseTransport()
                try await client.invoke("send", ["n", "last"])
                #expect(await log.wait(for: "last"))
                #expect(await client.connectionID == id)
                #expect(log.texts("broadcastMessage") == ["meanwhile", "last"])
            }
        }
    }

    @Test(arguments: [0, 1])
    func negotiatesEitherVersion(version: Int) async throws {
        try await Nodes.run(1) { nodes, _ in
            try await Self.with(Self.ways[0], node: nodes[0].url, { $0.negotiateVersion = version }) { client, _ in
                let (said, id) = (try await client.invoke("whoAmI").string, await client.connectionID)
                #expect(said != nil && said == id)
            }
        }
    }

    @Test func connectsWithoutNegotiation() async throws {
        try await Nodes.run(1) { nodes, _ in
            try await Self.with(Self.ways[1], node: nodes[0].url, { $0.skipsNegotiation = true }) { client, _ in
                let answer = try await client.invoke("echo", ["x"])
                #expect(answer == "x")
            }
        }
    }

    @Test func reportsContradictorySettings() async throws {
        try await SharedNetwork.run { network in
            let client = CoreSignalRClient(
                configuration: CoreClientConfiguration(
                    node: try NodeURL("http://127.0.0.1:1/chathub"), transport: .serverSentEvents,
                    format: .messagePack), network: network)
            await #expect(throws: SignalRClientError.misuse("server-sent events carry text: use json")) {
                try await client.start()
            }
        }
    }

    /// As when the answer to a client result is lost.
    @Test(arguments: [false, true]) func aConnectionBlockedByACallIsReplaced(isStateful: Bool) async throws {
        let never: CoreSignalRClient.Answer = { _ in
            try await Task.sleep(for: .seconds(600))
            return nil
        }
        try await Nodes.run(1) { nodes, _ in
            let way = Way(transport: .webSockets, format: .json)
            try await Self.with(way, node: nodes[0].url, answers: ["answer": never]) { silent, _ in
                try await Self.with(
                    way, node: nodes[0].url,
                    {
                        $0.usesStatefulReconnect = isStateful
                        $0.timeouts.call = .seconds(1)
                    }
                ) { client, _ in
                    let other = try #require(await silent.connectionID)
                    #expect(await client.isStateful == isStateful)
                    await client.dropTransport()
                    #expect(await client.isStateful == isStateful)
                    try await client.reconnect()
                    let before = try #require(await client.connectionID)
                    for arguments: [JSONTree] in [[.string(other), nil], [.string(other), nil]] {
                        let error = await #expect(throws: SignalRClientError.self) {
                            try await client.invoke("ask", arguments)
                        }
                        guard case .timedOut? = error else {
                            Issue.record("\(String(describing: error))")
                            return
                        }
                    }
                    try await client.replaceConnection()
                    #expect(await client.connectionID != before)
                    #expect(try await client.invoke("echo", ["again"]) == "again")
                }
            }
        }
    }
}
