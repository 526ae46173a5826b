import Backplane
import Capture
import Redis
import Synchronization
import TestSupport
import Testing

@testable import Relay

/// The watch's conclusion from each reply about the server's role, check by check.
@Suite struct RoleWatchTests {
    /// A server's replies to ROLE and INFO in one check.
    struct Look: Sendable {
        var role = "*3\r\n" + ScriptedRedis.bulk("master") + "\r\n:0\r\n*0"
        var info = ScriptedRedis.bulk("role:master\r\n")

        static let master = Look()
        static func replica(of host: String) -> Look {
            Look(
                role: "*5\r\n" + ScriptedRedis.bulk("slave") + "\r\n" + ScriptedRedis.bulk(host) + "\r\n:1\r\n"
                    + ScriptedRedis.bulk("connected") + "\r\n:0")
        }
        static func denied(info: String) -> Look { Look(role: "-NOPERM no ROLE", info: info) }
    }

    struct History: Sendable, CustomTestStringConvertible {
        let testDescription: String
        let looks: [Look]
        /// The final result: the address of its master; nil for a master.
        let master: String??
        /// The events in the capture.
        let events: [String]
    }

    private static let slave = ScriptedRedis.bulk("role:slave\r\nmaster_host:c\r\nmaster_port:1\r\n")

    static let histories: [History] = [
        History(testDescription: "a master", looks: [.master, .master], master: nil, events: []),
        History(
            testDescription: "demoted", looks: [.master, .replica(of: "b"), .replica(of: "b")], master: "b:1",
            events: ["demoted"]),
        History(
            testDescription: "its master changes", looks: [.replica(of: "b"), .replica(of: "c")], master: "c:1",
            events: ["demoted", "demoted"]),
        History(
            testDescription: "promoted", looks: [.replica(of: "b"), .master], master: nil,
            events: ["demoted", "promoted"]),
        History(
            testDescription: "ROLE is denied, INFO reports it", looks: [.denied(info: slave)], master: "c:1",
            events: ["demoted"]),
        History(
            testDescription: "neither is permitted", looks: [.denied(info: "-NOPERM no INFO"), .replica(of: "b")],
            master: nil, events: []),
        History(
            testDescription: "a replica that has lost its master",
            looks: [Look(role: "-MASTERDOWN Link with MASTER is down")], master: .some(nil), events: ["demoted"]),
        History(
            testDescription: "an error unrelated to the role",
            looks: [Look(role: "-LOADING x", info: slave)], master: nil, events: []),
    ]

    /// The position in a test.
    private final class Stage: Sendable {
        private let looks: [Look]
        /// Nil while connecting, which must find a master.
        private let step = Mutex<Int?>(nil)

        init(_ looks: [Look]) { self.looks = looks }

        func go(to look: Int) { step.withLock { $0 = look } }

        func answer(_ command: [String]) -> String? {
            guard let look = step.withLock({ $0 }) else { return nil }
            if command.first == "ROLE" { return looks[look].role }
            return command.starts(with: ["INFO", "replication"]) ? looks[look].info : nil
        }
    }

    @Test(arguments: histories) func checkByCheck(_ history: History) async throws {
        let stage = Stage(history.looks)
        let metrics = makeMetrics(records: false)
        let intake = Intake(limit: 1 << 20, metrics: metrics.intake)
        try await ScriptedRedis.with({ stage.answer($0) }) { redis in
            let client = try await RedisClient.connect(to: redis.configuration, eventLoopGroup: redis.eventLoopGroup)
            let subscription = AuditedSubscription(
                redis: redis.configuration, attached: AttachedChannels([.signalR2(key: "chat")]),
                includesConnections: false,
                reader: CounterReader(
                    redis: redis.configuration, channels: ["chat"], eventLoopGroup: redis.eventLoopGroup),
                intake: intake, eventLoopGroup: redis.eventLoopGroup, logger: metrics.context.logger)
            var watch = RoleWatch(
                redis: redis.configuration, metrics: WatchMetrics(metrics.registry, channels: metrics.channels),
                subscription: subscription, context: metrics.context)
            for look in history.looks.indices {
                stage.go(to: look)
                try? await watch.look(client, eventLoopGroup: redis.eventLoopGroup)
            }
            await client.close()
        }
        let events = intake.take(waitingAtMost: 0).items.compactMap { item in
            if case .command(.note(let event)) = item { event.event } else { nil }
        }
        #expect(events == history.events)
        #expect(metrics.context.status.masterLoss.map(\.master) == history.master)
    }
}
