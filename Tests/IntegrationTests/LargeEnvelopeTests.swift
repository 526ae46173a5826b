import Foundation
import Redis
import TestSupport
import Testing

/// Envelopes above `--buffer` are skipped without being kept in memory.
@Suite("Envelopes larger than the buffer", .serialized, .needs(editions: .redis7, .redis6, .valkey9))
struct LargeEnvelopeTests {
    /// Publishes an envelope of about this many bytes with a node's script.
    private static let publish =
        "local id = redis.call('INCR', KEYS[1]) "
        + "redis.call('PUBLISH', KEYS[1], id .. ' ' .. string.rep('x', ARGV[1])) return id"

    private func publish(_ bytes: Int, _ redis: RedisServer) async throws {
        try await redis.command(["EVAL", .text(Self.publish), "1", "chat", "\(bytes)"])
    }

    /// The peak memory of a process, in KiB.
    private func peak(_ process: Int32) throws -> Int {
        let status = try String(contentsOfFile: "/proc/\(process)/status", encoding: .utf8)
        return try #require(status.firstMatch(of: #/VmHWM:\s+(\d+)/#).flatMap { Int($0.1) })
    }

    @Test("it is counted, reported with id and size, and never kept in memory", arguments: RedisEdition.allCases)
    func oversize(edition: RedisEdition) async throws {
        try await RedisServer.with(edition: edition) { redis in
            try await redis.command(["CONFIG", "SET", "client-output-buffer-limit", "pubsub 0 0 0"])
            try await TemporaryDirectory.with { folder in
                let arguments = ["--redis", redis.url, "--channel", "chat", "--record", folder + "/capture"]
                try await RelayProcess.with(arguments + ["--buffer", "8MiB"]) { relay in
                    for bytes in [100, 96 << 20, 100, 5 << 20, 100] { try await publish(bytes, redis) }
                    try await relay.waitForMetric(
                        #"signalr_backplane_envelopes_total{channel="chat",backplane="signalr2"}"#, atLeast: 5,
                        within: .seconds(60))
                    let shown = try await relay.metrics()
                    #expect(shown[#"backplane_relay_dropped_envelopes_total{reason="too_large"}"#] == 1)
                    #expect(shown[#"backplane_relay_dropped_envelopes_total{reason="buffer_full"}"#] == 0)
                    #expect(shown[#"signalr_backplane_missing_ids_total{channel="chat",backplane="signalr2"}"#] == 0)
                    // Reported once per second, not earlier.
                    try await relay.waitForMetrics("the largest is shown") { shown in
                        shown[#"signalr_backplane_largest_envelope_bytes{channel="chat",backplane="signalr2"}"#] ?? 0
                            >= Double(96 << 20)
                    }
                    #expect(try peak(relay.child.processIdentifier) < 110 << 10)
                    #expect(relay.child.errors.contains("an envelope is larger than the buffer"))
                    #expect(relay.child.errors.contains("id=2"))
                    _ = try await relay.stop()
                }
                let info = try await CaptureInfo.read(folder + "/capture")
                #expect(info.envelopes == 4)
                #expect(info.channels.first?.holes == [CaptureInfo.Hole(from: 2, to: 2, cause: "too_large")])
            }
        }
    }

    @Test("tail reports that it could not print one, and exits 3")
    func tail() async throws {
        try await RedisServer.with { redis in
            try await redis.command(["CONFIG", "SET", "client-output-buffer-limit", "pubsub 0 0 0"])
            try await TemporaryDirectory.with { folder in
                let tail = try await ChildProcess.start(
                    RelayProcess.path(),
                    ["tail", "--redis", redis.url, "--channel", "chat", "--json", "--buffer", "1MiB", "--limit", "1"],
                    folder: folder)
                try await eventually("tail has subscribed") { tail.output.contains("subscribed") ? true : nil }
                try await publish(3 << 20, redis)
                try await publish(10, redis)
                #expect(try await tail.exit() == .code(3))
                #expect(tail.output.contains(#""reason":"too_large""#))
            }
        }
    }
}
