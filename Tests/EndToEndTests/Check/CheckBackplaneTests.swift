import HubNode
import NIOPosix
import Redis
import TestSupport
import Testing

@testable import Check
@testable import Loopback
@testable import SignalRClient

/// The check's errors if the nodes use another backplane, key or counter.
@Suite(.timeLimit(.minutes(3)))
struct CheckBackplaneTests {
    private static func check(
        _ redis: RedisConfiguration, channel: String = "test", hubs: [NodeURL] = [], messages: Int = 30
    ) async throws -> CheckOutcome {
        try await Check(
            configuration: CheckConfiguration(
                redis: redis, channel: channel, hubs: hubs, messages: messages, version: "test"),
            logger: Nodes.logger
        ).run()
    }

    private static func row(_ outcome: CheckOutcome, _ step: CheckStep) throws -> CheckRow {
        try #require(outcome.rows.first { $0.check == step })
    }

    @Test func anotherChannelIsReported() async throws {
        let outcome = try await Nodes.run(2) { nodes, redis in
            try await Self.check(redis, channel: "another", hubs: nodes.map(\.url))
        }
        #expect(outcome.verdict == .fail)
        let fault = try #require(outcome.faults.first)
        #expect(fault.contains("the nodes publish elsewhere: no envelope of this check arrived on channel 'another'"))
        #expect(fault.contains("only this check subscribes"))
        #expect(outcome.faults.count == 1)
        // Deliveries to clients are proven nevertheless.
        #expect(try Self.row(outcome, .broadcast).verdict == .pass)
        #expect(try Self.row(outcome, .backplane).received == 0)
    }

    @Test func anotherRedisIsReported() async throws {
        let outcome = try await Nodes.run(2) { nodes, _ in
            try await RedisServerProcess.run { other in try await Self.check(other, hubs: nodes.map(\.url)) }
        }
        #expect(outcome.verdict == .fail)
        #expect(outcome.faults.first?.contains("the nodes publish elsewhere") == true, "\(outcome.faults)")
    }

    /// One of two nodes uses another backplane.
    @Test func theNodeOnAnotherBackplaneIsNamed() async throws {
        let outcome = try await Nodes.run(1) { here, redis in
            try await Nodes.run(1) { there, _ in
                try await Self.check(redis, hubs: [here[0].url, there[0].url])
            }
        }
        #expect(outcome.verdict == .fail)
        #expect(
            outcome.faults.contains { $0.contains("backplane: node 2 publishes elsewhere") }, "\(outcome.faults)")
        #expect(try Self.row(outcome, .backplane).received == 1)
    }

    @Test(arguments: [[], [.longPolling]] as [[ClientTransport]])
    func nodesThatShareNoKeyAreNamedAndTheRestStays(transports: [ClientTransport]) async throws {
        let outcome = try await RedisServerProcess.run { redis in
            // Each group of nodes generates its own key.
            try await Self.node(redis) { first in
                try await Self.node(redis) { second in
                    var configuration = CheckConfiguration(
                        redis: redis, channel: "test", hubs: [first, second], messages: 30, version: "test")
                    if !transports.isEmpty { configuration.transports = transports }
                    return try await Check(configuration: configuration, logger: Nodes.logger).run()
                }
            }
        }
        #expect(outcome.verdict == .fail)
        #expect(outcome.faults.count == 1, "\(outcome.faults)")
        let fault = try #require(outcome.faults.first)
        for words in ["other node:", "could not prove", "do not share a key", "node 2 rejects the tokens of node 1"] {
            #expect(fault.contains(words), "\(fault)")
        }
        #expect(outcome.losses.isEmpty, "\(outcome.losses)")
        for row in outcome.rows where row.check != .otherNode { #expect(row.verdict == .pass, "\(row)") }
        #expect(try Self.row(outcome, .otherNode).result.hasPrefix("not proven"))
    }

    private static func node<Value: Sendable>(
        _ redis: RedisConfiguration, _ body: @escaping @Sendable (NodeURL) async throws -> Value
    ) async throws -> Value {
        let nodes = InProcessNodes(count: 1, redis: redis, channel: "test", version: "test", logger: Nodes.logger)
        return try await nodes.run(onPublished: { _, _, _ in }) { try await body($0[0].url) }
    }

    /// FLUSHALL during the check, with each kind of node: the reset is reported.
    @Test(arguments: [true, false]) func aCounterResetIsReported(inProcess: Bool) async throws {
        let outcome = try await Nodes.run(2) { nodes, redis in
            let flushing = Task {
                let client = try await RedisClient.connect(
                    to: redis, eventLoopGroup: MultiThreadedEventLoopGroup.singleton)
                try await eventually("messages are in flight") {
                    try await client.send(["GET", "test"]).text.flatMap { Int($0) } ?? 0 > 200 ? true : nil
                }
                try await client.send(["FLUSHALL"])
                await client.close()
            }
            let outcome = try await Self.check(redis, hubs: inProcess ? [] : nodes.map(\.url), messages: 1_000)
            try await flushing.value
            return outcome
        }
        let reset = try #require(outcome.counterResets.first)
        #expect(reset.from > 200 && reset.to < reset.from)
        let text = "the counter of 'test' was set back from \(reset.from) to \(reset.to)"
        #expect(outcome.notes.contains { $0.contains(text) }, "\(outcome.notes)")
        for loss in outcome.losses where !loss.isExplained { #expect(loss.description.contains(text)) }
        for fault in outcome.faults where fault.contains("received none of") { #expect(fault.contains(text)) }
    }

    /// Disconnected clients keep cursors beyond the new counter: the error is about the counter, not the log.
    @Test func clientsThatMissMessagesAfterAResetAreExplained() throws {
        let post = DeliveryLog(homes: [0, 1], text: CheckText(run: "r"))
        let counter = CounterRecord()
        for id in [UInt64](810...812) + [3] { counter.published(id) }
        let session = CheckSession(
            nodes: [CheckedNode(name: "node 1", url: try NodeURL("http://127.0.0.1:1/signalr"), log: nil)],
            participants: [], deliveryLog: post, redis: RedisConfiguration(host: "127.0.0.1", port: 1),
            channel: "check",
            messages: 1, counter: counter)
        #expect(session.deafness.contains("the counter of 'check' was set back from 812 to 3"))
        #expect(!session.deafness.contains("log of the node"))
    }
}
