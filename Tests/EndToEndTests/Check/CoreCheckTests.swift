import Backplane
import HubNode
import NIOPosix
import Redis
import TestSupport
import Testing

@testable import Check
@testable import Loopback
@testable import SignalRClient

/// The check of ASP.NET Core SignalR, with hub nodes of this package.
@Suite(.timeLimit(.minutes(5)))
struct CoreCheckTests {
    private static let hub = CoreHub(prefix: "p:", type: "Test.ChatHub")

    private static func configuration(
        _ redis: RedisConfiguration, hubs: [NodeURL] = [], nodes: Int = 2, messages: Int = 30
    ) -> CheckConfiguration {
        CheckConfiguration(
            redis: redis, core: CoreCheckSettings(hub: hub), nodeCount: nodes, hubs: hubs, messages: messages,
            version: "test")
    }

    private static func run<Value: Sendable>(
        _ count: Int, _ body: @escaping @Sendable ([CheckedNode], RedisConfiguration) async throws -> Value
    ) async throws -> Value {
        try await RedisServerProcess.run { redis in
            let nodes = InProcessNodes(
                count: count, redis: redis, channel: "",
                core: .init(hubType: hub.type, channelPrefix: hub.prefix), version: "test", logger: Nodes.logger)
            return try await nodes.run(onPublished: { _, _, _ in }) { nodes in try await body(nodes, redis) }
        }
    }

    @Test func passesOnAWorkingBackplane() async throws {
        let outcome = try await RedisServerProcess.run { redis in
            try await Check(configuration: Self.configuration(redis), logger: Nodes.logger).run()
        }
        #expect(outcome.verdict == .pass, "\(outcome.faults) \(outcome.losses) \(outcome.notes)")
        // The channel of in-process nodes needs no proof.
        #expect(
            outcome.rows.map(\.check) == CheckGeneration.core.steps.filter { $0 != .backplane })
        for row in outcome.rows { #expect(row.expected > 0 && row.expected == row.received && row.result == "ok") }
        #expect(outcome.clients.count == 14)
        #expect(outcome.nodes.allSatisfy { $0.hasSuffix("/chathub") })
    }

    @Test func checksRunningNodesToo() async throws {
        let outcome = try await Self.run(2) { nodes, redis in
            try await Check(
                configuration: Self.configuration(redis, hubs: nodes.map(\.coreURL)), logger: Nodes.logger
            ).run()
        }
        #expect(outcome.verdict == .pass, "\(outcome.faults) \(outcome.losses) \(outcome.notes)")
        let backplane = try #require(outcome.rows.first { $0.check == .backplane })
        #expect(backplane.expected == 2 && backplane.received == 2)
    }

    @Test func nodesOfAnotherHubAreNamed() async throws {
        let outcome = try await Self.run(2) { nodes, redis in
            var configuration = Self.configuration(redis, hubs: nodes.map(\.coreURL))
            configuration.core?.hub = CoreHub(type: "Test.ChatHub")
            configuration.channel = "Test.ChatHub"
            configuration.transports = [.webSockets]
            return try await Check(configuration: configuration, logger: Nodes.logger).run()
        }
        #expect(outcome.verdict == .fail)
        #expect("\(outcome.faults)".contains("the channel prefix"), "\(outcome.faults)")
    }

    /// Connections killed every two seconds lose messages; each loss is named, and its node reports the gap.
    @Test func explainsLossesFromKilledConnections() async throws {
        let outcome = try await RedisServerProcess.run { redis in
            let client = try await RedisClient.connect(
                to: redis, eventLoopGroup: MultiThreadedEventLoopGroup.singleton)
            let strikes = Task {
                while !Task.isCancelled {
                    try await Task.sleep(for: .seconds(2))
                    try await client.send(["CLIENT", "KILL", "TYPE", "pubsub"])
                }
            }
            let outcome = try await Check(
                configuration: Self.configuration(redis, messages: 500), logger: Nodes.logger
            ).run()
            strikes.cancel()
            _ = await strikes.result
            await client.close()
            return outcome
        }
        #expect(outcome.verdict != .fail, "\(outcome.faults) \(outcome.losses.filter { !$0.isExplained })")
        #expect(outcome.losses.filter { !$0.isExplained } == [])
        #expect(outcome.rows.reduce(0) { $0 + $1.expected - $1.received } == outcome.losses.count)
        for loss in outcome.losses {
            #expect(loss.description.contains("was cut off from Redis") && !loss.description.contains("envelope"))
        }
    }

    @Test func aDeadNodeIsNamed() async throws {
        let dead = try NodeURL("http://127.0.0.1:1/chathub")
        let error = await #expect(throws: SetupError.self) {
            try await Self.run(1) { nodes, redis in
                try await Check(
                    configuration: Self.configuration(redis, hubs: [nodes[0].coreURL, dead]), logger: Nodes.logger
                ).run()
            }
        }
        #expect(error?.description.contains("http://127.0.0.1:1/chathub") == true)
    }

    // MARK: - Behind a proxy

    /// - Parameter locations: nginx locations, with `NODE1` and `NODE2` in place of the nodes' addresses.
    private static func behind(_ locations: String) async throws -> Result<CheckOutcome, SetupError> {
        try await run(2) { nodes, redis in
            let text = locations.replacing("NODE1", with: nodes[0].coreURL.authority)
                .replacing("NODE2", with: nodes[1].coreURL.authority)
            return try await NginxServer.with(locations: text) { proxy in
                var configuration = configuration(
                    redis, hubs: [try NodeURL("http://127.0.0.1:\(proxy.port)/chathub")], messages: 10)
                configuration.core?.formats = [.json]
                do {
                    return .success(try await Check(configuration: configuration, logger: Nodes.logger).run())
                } catch let error as SetupError {
                    return .failure(error)
                }
            }
        }
    }

    private static let passing = """
        proxy_http_version 1.1; proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection $http_connection;
        proxy_read_timeout 120s; proxy_buffering off;
        """

    @Test(.needs(.nginx)) func aCorrectProxyIsNotReported() async throws {
        let outcome = try await Self.behind("location / { \(Self.passing) proxy_pass http://NODE1; }").get()
        #expect(outcome.verdict == .pass, "\(outcome.faults) \(outcome.losses)")
    }

    @Test(.needs(.nginx)) func missingAffinityIsNamed() async throws {
        // Negotiation reaches one node, everything else the other.
        let result = try await Self.behind(
            "location / { \(Self.passing) if ($request_uri ~ negotiate) { proxy_pass http://NODE1; } proxy_pass http://NODE2; }"
        )
        guard case .failure(let error) = result else {
            Issue.record("\(result)")
            return
        }
        #expect(
            error.description.contains("has no affinity: none of 10 requests of one connection met the node"),
            "\(error)")
    }

    @Test(.needs(.nginx)) func requestsToAlternatingNodesAreCounted() async throws {
        let answers = try await Self.run(2) { nodes, _ in
            try await NginxServer.with(
                locations:
                    "location / { if ($request_id ~ ^[0-7]) { proxy_pass http://\(nodes[0].coreURL.authority); } proxy_pass http://\(nodes[1].coreURL.authority); }"
            ) { proxy in
                try await SharedNetwork.run { network in
                    try await CoreAffinity.measure(
                        CoreClientConfiguration(node: try NodeURL("http://127.0.0.1:\(proxy.port)/chathub")),
                        requests: 40, network: network)
                }
            }
        }
        #expect(answers.known > 0 && answers.unknown > 0 && answers.known + answers.unknown == 40)
    }

    @Test(.needs(.nginx)) func blockedWebSocketsAreNamed() async throws {
        let outcome = try await Self.behind(
            "location / { proxy_http_version 1.1; proxy_read_timeout 120s; proxy_buffering off; proxy_pass http://NODE1; }"
        ).get()
        #expect(outcome.verdict == .fail)
        #expect(outcome.faults.contains { $0.contains("webSockets do not get through to node 1") }, "\(outcome.faults)")
        // The other transports are checked nevertheless.
        #expect(outcome.rows.filter { $0.check != .connect }.allSatisfy { $0.verdict == .pass })
    }

    /// A proxy that buffers the node's answer to the handshake, while polls get through.
    @Test func bufferedEventsAreReported() async throws {
        let text = try await SharedNetwork.run { network in
            let node = CheckedNode(name: "node 1", url: try NodeURL("http://127.0.0.1:1/chathub"), log: nil)
            let polling = Participant(
                index: 0, node: 0, transport: .longPolling, name: "node 1/longPolling/json", user: "",
                client: CoreSignalRClient(
                    configuration: CoreClientConfiguration(node: node.coreURL), network: network))
            let failure = CoreConnectFailure(
                client: ClientPlan.PlannedClient(
                    node: 0, transport: .serverSentEvents, name: "node 1/serverSentEvents/json", user: "",
                    core: CoreWay(format: .json)),
                error: SetupError(
                    "it failed",
                    cause: SignalRClientError.timedOut(
                        node: "n", what: "the handshake over serverSentEvents", after: .seconds(5))))
            return await CoreDiagnosis(nodes: [node], network: network, core: nil)
                .text(for: failure, connected: [polling])
        }
        #expect(text.contains("serverSentEvents of node 1 do not arrive, though longPolling gets through"), "\(text)")
    }
}

/// Parts of the check that only ASP.NET Core SignalR has.
struct CoreCheckPartsTests {
    @Test func plansOneClientPerTransportAndProtocolOnEachNode() {
        let plan = ClientPlan(
            coreNodes: ["node 1", "node 2"], transports: ClientTransport.allCases, formats: CoreFormat.allCases,
            run: "r")
        #expect(plan.clients.count == 14)
        #expect(
            plan.clients.prefix(7).map(\.name)
                == [
                    "webSockets/json", "webSockets/json/stateful", "webSockets/messagepack",
                    "webSockets/messagepack/stateful", "serverSentEvents/json", "longPolling/json",
                    "longPolling/messagepack",
                ].map { "node 1/\($0)" })
        // Each user has clients on both nodes.
        #expect(plan.clients.prefix(7).map(\.user) == plan.clients.suffix(7).map(\.user))
    }

    private static let second: UInt64 = 1_000_000_000

    /// A message in flight from the 10th second to the given one, and a gap.
    @Test(
        arguments: [
            (11, 9, 9, false), (11, 9, 10, true), (11, 10, 11, true), (11, 12, 13, true), (11, 13, 14, false),
            (11, 12, nil, true), (11, 13, nil, false), (nil, 15, 16, true), (nil, 17, 18, false),
        ] as [(UInt64?, UInt64, UInt64?, Bool)])
    func aGapExplainsMessagesSentDuringIt(answered: UInt64?, from: UInt64, to: UInt64?, isExplained: Bool) {
        var entry = Ledger.Entry(
            step: .broadcast, method: "m", sender: 0, recipients: [0], sentAt: nil)
        entry.calledAt = 10 * Self.second
        entry.answeredAt = answered.map { $0 * Self.second }
        let gap = NodeGap(from: from * Self.second, to: to.map { $0 * Self.second }, reason: "cut")
        #expect((GapText.explaining(entry, by: [gap]) != nil) == isExplained)
    }

    @Test func aMessageToOneConnectionMayOvertakeOthers() {
        var ledger = Ledger(homes: [0, 0])
        func enter(_ step: CheckStep) -> Int {
            ledger.enter(Ledger.Entry(step: step, method: "m", sender: 0, recipients: [1], sentAt: nil))
        }
        let (first, direct, second) = (enter(.broadcast), enter(.connection), enter(.broadcast))
        for message in [direct, first, second] {
            _ = ledger.arrived(.init(message: message, isIntact: true, envelopeAtMost: nil), client: 1)
        }
        #expect(ledger.findings(missed: [], idsAscend: true) == [])
        var wrong = Ledger(homes: [0, 0])
        for _ in 0..<2 {
            _ = wrong.enter(Ledger.Entry(step: .broadcast, method: "m", sender: 0, recipients: [1], sentAt: nil))
        }
        for message in [1, 0] {
            _ = wrong.arrived(.init(message: message, isIntact: true, envelopeAtMost: nil), client: 1)
        }
        #expect(wrong.findings(missed: [], idsAscend: true) == [.outOfOrder(message: 0, after: 1, client: 1)])
    }

    @Test(
        arguments: [
            (#"{"type":1,"target":"x","arguments":["n","check abc #17 plain"]}"#, 17), ("\u{92}check abc #3 é", 3),
            ("check abd #3 ", nil), ("", nil),
        ] as [(String, Int?)])
    func findsItsTextsInPayloads(payload: String, number: Int?) {
        #expect(CheckText(run: "abc").number(within: Array(payload.utf8)) == number)
    }

    @Test func aLossIsNamedByMessageNodeAndClient() {
        var loss = CheckLoss(
            check: .broadcast, message: 7, method: "broadcastMessage", envelope: nil, envelopeAtMost: nil,
            client: "node 2/webSockets/json", transport: .webSockets, node: "node 2", nodeTells: true, missedFrom: nil,
            missedTo: nil, counter: nil, gap: nil, hasID: false)
        #expect(
            loss.description
                == "broadcast: message 7 (broadcastMessage) did not reach node 2/webSockets/json: node 2 did not report it as missed"
        )
        #expect(!loss.isExplained)
        loss.gap = "was cut off from Redis for 20 ms when it was sent (killed)"
        #expect(
            loss.isExplained
                && loss.description.hasSuffix("node 2 was cut off from Redis for 20 ms when it was sent (killed)"))
    }
}
