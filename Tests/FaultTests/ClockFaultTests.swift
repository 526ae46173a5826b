import Foundation
import TestSupport
import Testing

/// The wall clock is set while the relay runs.
@Suite("Clock fault", .serialized, .needs(.redisServer, .python, .gcc), .timeLimit(.minutes(3)))
struct ClockFaultTests {
    @Test("an hour back and forth during traffic, with new segments in between")
    func steps() async throws {
        try await TemporaryDirectory.with { folder in
            let clock = try await SteppingClock(in: folder)
            let options = Scene.Options(
                arguments: ["--segment-duration", "400ms"], environment: clock.environment)
            try await RedisServer.with { redis in
                let account = try await Scene.run(redis, options) { scene in
                    for offset in [-3_600, 3_600, 0, -7_200, -7_201, 0] {
                        let segments = try await scene.relay().metric("backplane_relay_segments_total")
                        try clock.set(seconds: offset)
                        try await scene.relay().waitForMetric(
                            "backplane_relay_segments_total", atLeast: Int(segments) + 2)
                    }
                }
                account.expectBalanced("clock steps")
                #expect(account.recorded == account.published)
            }
        }
    }

    /// A wait until a wall-clock time would last an hour longer.
    @Test("a step back of an hour does not keep the last chunk in memory")
    func flushAfterStepBack() async throws {
        try await TemporaryDirectory.with { folder in
            let clock = try await SteppingClock(in: folder)
            try await RedisServer.with { redis in
                let options = Scene.Options(environment: clock.environment)
                var random = SplitMix64(seed: options.seed)
                let account = try await Scene.run(redis, options) { scene in
                    try await scene.pauseAtBoundary()
                    for round in 1...5 {
                        try await scene.publisher.publishAlone()
                        // Set while the envelope waits for its chunk to close.
                        try await Task.sleep(for: .milliseconds(Int.random(in: 0...80, using: &random)))
                        try clock.set(seconds: -3_600 * round)
                        try await scene.waitUntilAllIsRecorded(within: .seconds(5))
                    }
                    scene.publisher.isPaused = false
                }
                account.expectBalanced("step back while quiet")
                #expect(account.recorded == account.published)
            }
        }
    }
}
