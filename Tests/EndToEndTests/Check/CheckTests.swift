import NIOPosix
import Redis
import TestSupport
import Testing

@testable import Check
@testable import Loopback
@testable import SignalRClient

/// The check against real nodes.
@Suite(.timeLimit(.minutes(3)))
struct CheckTests {
    private static func configuration(_ redis: RedisConfiguration, hubs: [NodeURL] = []) -> CheckConfiguration {
        CheckConfiguration(redis: redis, channel: "test", hubs: hubs, messages: 30, version: "test")
    }

    @Test func passesWithoutProblems() async throws {
        let outcome = try await RedisServerProcess.run { redis in
            try await Check(configuration: Self.configuration(redis), logger: Nodes.logger).run()
        }
        #expect(outcome.verdict == .pass, "\(outcome.faults) \(outcome.losses)")
        // Where the nodes of this process publish needs no proof.
        #expect(outcome.rows.map(\.check) == CheckGeneration.signalR2.steps.filter { $0 != .backplane })
        for row in outcome.rows { #expect(row.expected > 0 && row.expected == row.received && row.result == "ok") }
        let broadcast = try #require(outcome.rows.first { $0.check == .broadcast })
        #expect(broadcast.expected == 180)
        let latency = try #require(outcome.latency)
        #expect(latency.deliveries >= 180)
        #expect(latency.values.reduce(0) { $0 + $1.count } == latency.deliveries)
    }

    @Test func checksRunningNodesToo() async throws {
        let outcome = try await Nodes.run(2) { nodes, redis in
            try await Check(configuration: Self.configuration(redis, hubs: nodes.map(\.url)), logger: Nodes.logger)
                .run()
        }
        #expect(outcome.verdict == .pass, "\(outcome.faults) \(outcome.losses)")
        #expect(outcome.rows.map(\.check) == CheckGeneration.signalR2.steps)
        let backplane = try #require(outcome.rows.first { $0.check == .backplane })
        #expect(backplane.expected == 2 && backplane.received == 2)
    }

    /// Connections killed every two seconds lose messages. The check neither fails nor hangs, and each loss is
    /// explained.
    @Test func explainsLossesByKilledConnections() async throws {
        let outcome = try await RedisServerProcess.run { redis in
            try await redis.killingSubscriptions {
                try await Check(configuration: Self.configuration(redis), logger: Nodes.logger).run()
            }
        }
        #expect(outcome.verdict != .fail, "\(outcome.faults) \(outcome.losses.filter { !$0.isExplained })")
        #expect(outcome.losses.filter { !$0.isExplained } == [])
        #expect(outcome.rows.reduce(0) { $0 + $1.expected - $1.received } == outcome.losses.count)
    }

    @Test func aDeadRedisIsNamed() async throws {
        let redis = RedisConfiguration(host: "127.0.0.1", port: 1)
        await #expect(throws: RedisError.self) {
            try await Check(configuration: Self.configuration(redis), logger: Nodes.logger).run()
        }
    }

    @Test func aDeadNodeIsNamed() async throws {
        let dead = try NodeURL("http://127.0.0.1:1/signalr")
        let error = await #expect(throws: SetupError.self) {
            try await Nodes.run(1) { nodes, redis in
                try await Check(
                    configuration: Self.configuration(redis, hubs: [nodes[0].url, dead]), logger: Nodes.logger
                )
                .run()
            }
        }
        #expect(error?.description.contains("http://127.0.0.1:1/signalr") == true)
    }

    /// Redis is stopped during the check: an error that names it, in good time.
    @Test func aRedisStoppedDuringTheCheckIsNamed() async throws {
        let error = await #expect(throws: RedisError.self) {
            try await RedisServerProcess.run { redis in
                var configuration = Self.configuration(redis)
                configuration.messages = 100_000
                let killer = Task {
                    let client = try await RedisClient.connect(
                        to: redis, eventLoopGroup: MultiThreadedEventLoopGroup.singleton)
                    try await eventually("messages are in flight") {
                        try await client.send(["GET", "test"]).text.flatMap { Int($0) } ?? 0 > 100 ? true : nil
                    }
                    // Replies by closing the connection.
                    _ = try? await client.send(["SHUTDOWN", "NOSAVE"])
                }
                defer { killer.cancel() }
                return try await Check(configuration: configuration, logger: Nodes.logger).run()
            }
        }
        #expect("\(String(describing: error))".contains("127.0.0.1"))
    }

    /// Redis is stopped while a node does not respond: an error that names Redis, before all attempts at the node are
    /// over.
    @Test func aDeadRedisIsNamedBeforeNodesTimeOut() async throws {
        let (requests, request) = AsyncStream.makeStream(of: String.self)
        let count = try await RedisServerProcess.run { redis in
            let killer = Task {
                let client = try await RedisClient.connect(
                    to: redis, eventLoopGroup: MultiThreadedEventLoopGroup.singleton)
                var count = 0
                for await endpoint in requests where endpoint == "negotiate" {
                    count += 1
                    if count == 1 { _ = try? await client.send(["SHUTDOWN", "NOSAVE"]) }
                }
                return count
            }
            try await ScriptedNode.run(["negotiate": ""], onRequest: { request.yield($0) }) { port in
                var configuration = Self.configuration(redis, hubs: [try NodeURL("http://127.0.0.1:\(port)/signalr")])
                configuration.transports = [.longPolling]
                let check = Check(configuration: configuration, logger: Nodes.logger)
                let error = await #expect(throws: RedisError.self) { try await check.run() }
                #expect("\(String(describing: error))".contains("127.0.0.1"))
            }
            request.finish()
            return try await killer.value
        }
        #expect((1..<CheckSession.attempts).contains(count))
    }

    /// A Redis that recovers in time does not end the check.
    @Test func aShortRedisOutageDoesNotEndTheCheck() async throws {
        try await RedisServerProcess.run { redis in
            let client = try await RedisClient.connect(
                to: redis, eventLoopGroup: MultiThreadedEventLoopGroup.singleton)
            let value = try await RedisProbe.whileAnswered(by: redis) {
                // Pauses until a problem is reported: the probe's own connection is lost, and every reply is late.
                for _ in 0..<3 {
                    try await client.send(["CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"])
                    try await client.send(["CLIENT", "PAUSE", "1500", "ALL"])
                    // Answered when the pause ends.
                    try await client.send(["PING"])
                }
                return 1
            }
            #expect(value == 1)
            await client.close()
        }
    }
}
