import Foundation
import Redis
import TestSupport
import Testing

/// `bench` from the command line; short, so the figures mean nothing.
@Suite("Bench", .serialized, .needs(.redisServer))
struct BenchTests {
    // Its properties are the keys of the JSON.
    // swift-format-ignore: AlwaysUseLowerCamelCase
    private struct Summary: Decodable {
        struct Step: Decodable {
            let asked: Int
            let envelopes: Int
            let recorded: Int
            let lost: Int
            let microseconds_per_envelope: Double
            let written_bytes_per_second: Double
            let latency_p50_seconds: Double?
        }
        struct Climb: Decodable {
            let compression: String
            let steps: [Step]
        }
        struct Report: Decodable {
            let redis_is_ours: Bool
            let zstd_bytes_per_second: Double
            let climbs: [Climb]
        }
        struct Carried: Decodable {
            let envelopes_per_second: Double
            let headroom: Double?
        }
        let report: Report
        let carried: [Carried]
    }

    @Test("measures with a given Redis, and leaves nothing there or on the disk")
    func measures() async throws {
        try await RedisServer.with { redis in
            try await TemporaryDirectory.with { folder in
                let bench = try await Finished.relay([
                    "bench", "--redis", redis.url, "--seconds", "0.5", "--max-rate", "1000", "--expect", "100",
                    "--record", folder, "--json",
                ])
                #expect(bench.exit == .code(0), "\(bench.output)\(bench.errors)")
                let summary = try JSONDecoder().decode(Summary.self, from: Data(bench.output.utf8))
                #expect(!summary.report.redis_is_ours)
                #expect(summary.report.zstd_bytes_per_second > 0)
                #expect(summary.report.climbs.map(\.compression) == ["none", "zstd"])
                for climb in summary.report.climbs {
                    let step = try #require(climb.steps.first)
                    #expect(climb.steps.count == 1 && step.asked == 1_000)
                    #expect(step.envelopes > 100 && step.recorded == step.envelopes && step.lost == 0)
                    #expect(step.microseconds_per_envelope > 0 && step.written_bytes_per_second > 0)
                    #expect(step.latency_p50_seconds != nil)
                }
                #expect(summary.carried.allSatisfy { $0.envelopes_per_second > 100 && $0.headroom ?? 0 > 1 })
                #expect(try await redis.command(["DBSIZE"]).integer == 0)
                #expect(try FileManager.default.contentsOfDirectory(atPath: folder).isEmpty)
            }
        }
    }

    @Test("with its own Redis: a table; exit 1 if the expected rate is not sustained")
    func expectation() async throws {
        let bench = try await Finished.relay(
            [
                "bench", "--seconds", "0.2", "--max-rate", "500", "--expect", "1000000",
            ], environment: ["BACKPLANE_RELAY_REDIS": "redis://production.invalid:6379"])
        #expect(bench.exit == .code(1), "\(bench.output)\(bench.errors)")
        #expect(bench.output.contains("started for this"))
        #expect(bench.errors.contains("BACKPLANE_RELAY_REDIS is not used"))
        #expect(bench.output.contains("without compression"))
        #expect(bench.errors.contains("not enough: 1,000,000/s expected"))
    }
}
