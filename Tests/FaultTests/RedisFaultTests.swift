import Foundation
import Redis
import TestSupport
import Testing

/// Faults of Redis itself.
@Suite("Redis fault", .serialized, .needs(.redisServer, .python), .timeLimit(.minutes(3)))
struct RedisFaultTests {
    @Test("killed and restarted without its keys: the counter starts over")
    func restartWithoutPersistence() async throws {
        try await RedisServer.with { redis in
            let account = try await Scene.run(redis) { scene in
                await redis.stop()
                try await eventually("the relay detects it") { try await scene.relay().readiness() == 503 ? true : nil }
                // Otherwise the new counter might pass the old one before the relay reconnects: undetectable.
                scene.publisher.isPaused = true
                try await redis.start()
                try await scene.relay().waitUntilReady()
                scene.publisher.isPaused = false
                try await scene.waitUntilRecording()
                #expect(
                    try await scene.relay().metric(
                        #"signalr_backplane_counter_resets_total{channel="chat",backplane="signalr2"}"#) == 1)
            }
            account.expectBalanced("restart without persistence")
            #expect(account.missing.isEmpty)
        }
    }

    @Test("killed and restarted without its keys while the nodes continue: ids that the new counter passed are unknown")
    func restartUnderTraffic() async throws {
        try await RedisServer.with { redis in
            let account = try await Scene.run(redis) { scene in
                await redis.stop()
                try await redis.start()
                try await scene.publisher.more(1_000)
                try await scene.waitUntilRecording()
            }
            account.expectBalanced("restart under traffic")
        }
    }

    @Test("killed and started again with every INCR on disk: a gap, whose cause is the restart")
    func restartWithPersistence() async throws {
        try await RedisServer.with(["--appendonly", "yes", "--appendfsync", "always"]) { redis in
            let account = try await Scene.run(redis) { scene in
                await redis.stop()
                try await redis.start()
                try await scene.waitUntilRecording()
                #expect(
                    try await scene.relay().metric(
                        #"signalr_backplane_counter_resets_total{channel="chat",backplane="signalr2"}"#) == 0)
            }
            account.expectBalanced("restart with persistence")
            #expect(account.beyondKnowledge == 0)
            #expect(Set(account.missing.keys).isSubset(of: ["redis_restart"]))
        }
    }

    @Test("FLUSHALL: the counter starts over, and nothing is missed")
    func flushAll() async throws {
        try await RedisServer.with { redis in
            let account = try await Scene.run(redis) { scene in
                try await redis.command(["FLUSHALL"])
                try await scene.publisher.more(100)
            }
            account.expectBalanced("FLUSHALL")
            #expect(account.recorded == account.published)
        }
    }

    @Test("DEBUG SLEEP: Redis stalls, and nothing is missed")
    func debugSleep() async throws {
        try await RedisServer.with(["--enable-debug-command", "yes"]) { redis in
            let account = try await Scene.run(redis) { scene in
                try await redis.command(["DEBUG", "SLEEP", "3"])
                try await scene.publisher.more(100)
            }
            account.expectBalanced("DEBUG SLEEP")
            #expect(account.recorded == account.published)
        }
    }

    @Test("a frozen Redis: the PING detects it, and the relay reconnects when it continues")
    func frozen() async throws {
        try await RedisServer.with { redis in
            let account = try await Scene.run(redis) { scene in
                redis.freeze()
                defer { redis.thaw() }
                try await eventually("the relay closes the connection") {
                    try await scene.relay().readiness() == 503 ? true : nil
                }
                redis.thaw()
                try await scene.waitUntilRecording()
            }
            account.expectBalanced("half-open peer")
            #expect(account.beyondKnowledge == 0)
        }
    }

    @Test("the counter moved by something else: a gap, without a lost connection as its cause")
    func foreignCount() async throws {
        try await RedisServer.with { redis in
            let account = try await Scene.run(redis) { scene in
                scene.publisher.burn(7)
                try await scene.publisher.more(100)
            }
            account.expectBalanced("counter moved")
            #expect(account.recorded == account.published)
            #expect(account.reportedMissing == 7)
            #expect(account.burnt == 7)
        }
    }
}
