import Foundation
import Redis
import TestSupport
import Testing

/// Faults of the link to the replication stream: nothing is missing unless the backlog was overrun.
@Suite("Replication tap fault", .serialized, .needs(.redisServer, .python), .timeLimit(.minutes(3)))
struct TapFaultTests {
    private static func isCarrying(_ scene: Scene) async throws {
        try await scene.relay().waitForMetrics("the replication stream carries the channel", within: .seconds(40)) {
            $0["backplane_relay_tap_up"] == 1
        }
    }

    /// Redis 6.2 writes the RDB file for a full sync by default.
    private static let diskless = ["--repl-diskless-sync", "yes"]

    @Test(
        "CLIENT KILL TYPE replica: nothing is missing", .needs(editions: .redis7, .redis6, .valkey9),
        arguments: RedisEdition.allCases)
    func clientKill(edition: RedisEdition) async throws {
        // Larger than everything published: how long the link is down depends on the machine.
        try await RedisServer.with(Self.diskless + ["--repl-backlog-size", "64mb"], edition: edition) { redis in
            let account = try await Scene.run(redis, Scene.Options(arguments: ["--tap"])) { scene in
                try await Self.isCarrying(scene)
                // The pauses between the attempts grow: a few suffice to compare the servers.
                for _ in 0..<(edition == .redis7 ? 10 : 3) {
                    try await redis.command(["CLIENT", "KILL", "TYPE", "replica"])
                    try await scene.publisher.more(20)
                    try await scene.waitUntilRecording()
                }
                #expect(try await scene.relay().metric("backplane_relay_reconnects_total") == 0)
            }
            account.expectBalanced("CLIENT KILL TYPE replica, \(edition)")
            #expect(account.recorded == account.published && account.reportedMissing == 0)
        }
    }

    @Test(
        "the backlog is overrun while the relay is frozen: what is missing has that cause",
        .needs(editions: .redis7, .redis6, .valkey9), arguments: RedisEdition.allCases)
    func overrun(edition: RedisEdition) async throws {
        try await RedisServer.with(Self.diskless + ["--repl-backlog-size", "16kb"], edition: edition) { redis in
            let account = try await Scene.run(redis, Scene.Options(arguments: ["--tap"])) { scene in
                try await Self.isCarrying(scene)
                try scene.relay().child.signal(SIGSTOP)
                try await redis.command(["CLIENT", "KILL", "TYPE", "replica"])
                try await scene.publisher.more(300)
                try await redis.command(["SET", "filler", .text(String(repeating: "x", count: 40_000))])
                try scene.relay().child.signal(SIGCONT)
                try await scene.relay().waitForMetric("backplane_relay_tap_losses_total", atLeast: 1)
                try await scene.waitUntilRecording()
            }
            account.expectBalanced("backlog overrun, \(edition)")
            #expect(account.beyondKnowledge == 0 && Set(account.missing.keys) == ["backlog_lost"])
        }
    }

    /// Redis raises a hard limit below the backlog's size to that size. It does not raise a soft limit.
    enum OutputLimit: String, CaseIterable {
        case soft = "replica 0 65536 1"
        case hard = "replica 65536 0 0"

        var backlog: String { self == .soft ? "256mb" : "1mb" }
    }

    @Test(
        "Redis disconnects the frozen relay at the output-buffer limit of replicas: only what left the backlog is missing",
        arguments: OutputLimit.allCases)
    func outputBufferLimit(limit: OutputLimit) async throws {
        try await RedisServer.with(["--repl-backlog-size", limit.backlog]) { redis in
            let account = try await Scene.run(redis, Scene.Options(arguments: ["--tap"])) { scene in
                try await Self.isCarrying(scene)
                try await redis.command(["CONFIG", "SET", "client-output-buffer-limit", .text(limit.rawValue)])
                let relay = try scene.relay()
                relay.child.signal(SIGSTOP)
                try await scene.publisher.more(50)
                // More than the sockets hold.
                let filler = RESPArgument.text(String(repeating: "x", count: 1 << 20))
                try await eventually("Redis disconnects the tap") {
                    try await redis.command(["SET", "filler", filler])
                    let info = try await redis.command(["INFO", "replication"]).text ?? ""
                    return info.contains("connected_slaves:0\r\n") ? true : nil
                }
                try await scene.publisher.more(50)
                relay.child.signal(SIGCONT)
                if limit == .hard { try await relay.waitForMetric("backplane_relay_tap_losses_total", atLeast: 1) }
                try await scene.waitUntilRecording()
                #expect(relay.child.errors.contains("replication stream lost"), "\(relay.child.errors)")
                #expect(try await relay.metric("backplane_relay_tap_losses_total") == (limit == .hard ? 1 : 0))
            }
            account.expectBalanced("output-buffer limit: \(limit)")
            #expect(account.beyondKnowledge == 0)
            #expect(Set(account.missing.keys) == (limit == .hard ? ["backlog_lost"] : []))
            #expect(account.reportedMissing == account.missingTotal)
        }
    }

    private enum Fault: CaseIterable {
        case linkKilled
        case subscriptionKilled
        case debugSleep
        case redisFrozen
        case relayFrozen
        case flushAll
        case largeValue

        func happen(_ scene: Scene, _ random: inout SplitMix64) async throws {
            switch self {
            case .linkKilled: try await scene.redis.command(["CLIENT", "KILL", "TYPE", "replica"])
            case .subscriptionKilled: try await scene.redis.command(["CLIENT", "KILL", "TYPE", "pubsub"])
            case .debugSleep:
                try await scene.redis.command(["DEBUG", "SLEEP", "\(Double.random(in: 0.1...1, using: &random))"])
            case .redisFrozen:
                scene.redis.freeze()
                defer { scene.redis.thaw() }
                try await Task.sleep(for: .milliseconds(Int.random(in: 100...1_000, using: &random)))
            case .relayFrozen:
                try scene.relay().child.signal(SIGSTOP)
                try await scene.publisher.more(Int.random(in: 20...200, using: &random))
                try scene.relay().child.signal(SIGCONT)
            case .flushAll: try await scene.redis.command(["FLUSHALL"])
            case .largeValue:
                let bytes = Int.random(in: 1_000_000...8_000_000, using: &random)
                try await scene.redis.command(["SET", "filler", .text(String(repeating: "x", count: bytes))])
            }
        }
    }

    @Test("faults in random order: nothing is missing while the backlog holds")
    func mixture() async throws {
        let seed = ProcessInfo.processInfo.environment["FAULT_FIRST_SEED"].flatMap { UInt64($0) } ?? 1
        var random = SplitMix64(seed: seed)
        let faults = (Fault.allCases + Fault.allCases).shuffled(using: &random)
        let name = "seed \(seed): \(faults.map { "\($0)" }.joined(separator: " "))"
        try await RedisServer.with(["--repl-backlog-size", "256mb", "--enable-debug-command", "yes"]) { redis in
            let account = try await Scene.run(redis, Scene.Options(seed: seed, arguments: ["--tap"])) { scene in
                try await Self.isCarrying(scene)
                for fault in faults {
                    try await fault.happen(scene, &random)
                    try await scene.publisher.more(Int.random(in: 1...20, using: &random))
                }
            }
            account.expectBalanced(name)
            #expect(account.recorded == account.published && account.reportedMissing == 0, "\(name)")
        }
    }
}
