import Backplane
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
        let outcome = try await Nodes.run(2, core: Self.hub) { nodes, redis in
            try await Check(
                configuration: Self.configuration(redis, hubs: nodes.map(\.coreURL)), logger: Nodes.logger
            ).run()
        }
        #expect(outcome.verdict == .pass, "\(outcome.faults) \(outcome.losses) \(outcome.notes)")
        let backplane = try #require(outcome.rows.first { $0.check == .backplane })
        #expect(backplane.expected == 2 && backplane.received == 2)
    }

    @Test func nodesOfAnotherHubAreNamed() async throws {
        let outcome = try await Nodes.run(2, core: Self.hub) { nodes, redis in
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
            try await redis.killingSubscriptions {
                try await Check(configuration: Self.configuration(redis, messages: 500), logger: Nodes.logger).run()
            }
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
            try await Nodes.run(1, core: Self.hub) { nodes, redis in
                try await Check(
                    configuration: Self.configuration(redis, hubs: [nodes[0].coreURL, dead]), logger: Nodes.logger
                ).run()
            }
        }
        #expect(error?.description.contains("http://127.0.0.1:1/chathub") == true)
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
