import Foundation
import Redis
import TestSupport
import Testing

/// Payloads of real nodes are in the capture byte for byte, read by independent programs.
@Suite("Record", .serialized, .needs(.redisServer, .python, .pymcap))
struct RecordTests {
    private static let hugeChannel = "huge"
    /// Gaps in `signalr2.jsonl`: ids that the real nodes' Redis assigned without publishing.
    private static let holes: [ClosedRange<UInt64>] = [49...72, 93...252, 254...258]

    @Test("vectors come back byte for byte, during the recording and after SIGTERM", arguments: ["zstd", "none"])
    func vectors(compression: String) async throws {
        let payloads = try Vectors.payloads("signalr2")
        let huge = try Vectors.payloads("signalr2-huge-ids")
        try await RedisServer.with { redis in
            try await TemporaryDirectory.with { folder in
                let directory = folder + "/capture"
                let arguments = [
                    "--redis", redis.url, "--channel", Vectors.channel, "--channel", Self.hugeChannel,
                    "--record", directory, "--compression", compression,
                ]
                try await RelayProcess.with(arguments) { relay in
                    try await redis.withClient { client in
                        for payload in payloads {
                            try await client.send(["PUBLISH", .text(Vectors.channel), .bytes(payload)])
                        }
                        for payload in huge {
                            try await client.send(["PUBLISH", .text(Self.hugeChannel), .bytes(payload)])
                        }
                    }
                    try await relay.waitForMetric(
                        "backplane_relay_recorded_envelopes_total", atLeast: payloads.count + huge.count)

                    try await expect(payloads, huge, in: directory)
                    #expect(try await CaptureInfo.read(directory).segments.map(\.state) == ["recording"])
                    try await expectHolesInMetrics(of: relay)
                    #expect(try await relay.stop() == .code(0))
                }
                try await expect(payloads, huge, in: directory)
                try await expectHolesInInfo(of: directory)
                #expect(try await Finished.relay(["verify", directory]).exit == .code(0))
                #expect(try CaptureFiles.mode(of: directory) == 0o700)
                for file in try CaptureFiles.paths(in: directory) { #expect(try CaptureFiles.mode(of: file) == 0o600) }
            }
        }
    }

    @Test("if compression slows the recorder, chunks are stored uncompressed and nothing is lost")
    func compressionGivesWay() async throws {
        var random = SplitMix64(seed: 7)
        let count = 1_000
        let text = (0..<1 << 20).map { _ in UInt8(ascii: "a") + UInt8(random.next() & 15) }
        // A single script publishes everything: Redis is faster than level 19 on any machine. A slow disk does not
        // favour compression unless data is synced.
        let script = """
            for i = 1, \(count) do
                local start = i * 10000 % (#ARGV[1] - 10000)
                redis.call('PUBLISH', KEYS[1], i .. ' ' .. ARGV[1]:sub(start, start + 10000))
            end
            """
        try await RedisServer.with { redis in
            try await TemporaryDirectory.with { folder in
                let directory = folder + "/capture"
                // The buffer holds everything, however fragmented; a quarter of its limit is reached soon.
                let arguments = [
                    "--redis", redis.url, "--channel", Vectors.channel, "--record", directory,
                    "--compression-level", "19", "--buffer", "24MiB", "--fsync", "never",
                ]
                try await RelayProcess.with(arguments) { relay in
                    try await redis.withClient { client in
                        _ = try await client.send(["EVAL", .text(script), "1", .text(Vectors.channel), .bytes(text)])
                    }
                    try await relay.waitForMetric("backplane_relay_recorded_envelopes_total", atLeast: count)
                    #expect(try await relay.metric("backplane_relay_uncompressed_chunks_total") > 0)
                    let dropped = #"backplane_relay_dropped_envelopes_total{reason="buffer_full"}"#
                    #expect(try await relay.metric(dropped) == 0)
                    #expect(relay.child.errors.contains("compression slows the recorder"))
                    #expect(try await relay.stop() == .code(0))
                }
                let files = try CaptureFiles.paths(in: directory)
                let recorded = try await MCAPMessage.read(files).filter { $0.topic == Vectors.channel }
                #expect(recorded.map(\.id) == (1...UInt64(count)).map { $0 })
                try await CaptureFiles.examine(files)
            }
        }
    }

    private func expect(_ payloads: [[UInt8]], _ huge: [[UInt8]], in directory: String) async throws {
        let files = try CaptureFiles.paths(in: directory)
        let messages = try await MCAPMessage.read(files)
        let recorded = messages.filter { $0.topic == Vectors.channel }
        #expect(recorded.map { Array($0.data) } == payloads)
        #expect(messages.filter { $0.topic == Self.hugeChannel }.map { Array($0.data) } == huge)
        #expect(recorded.map(\.sequence) == recorded.map { UInt32(truncatingIfNeeded: $0.id ?? 0) })
        #expect(zip(messages, messages.dropFirst()).allSatisfy { $0.logTime <= $1.logTime })
        try await CaptureFiles.examine(files)

        let gaps = try RelayEvent.all(in: messages).filter { $0.event == "gap" }
        let expected = Self.holes.map { hole in
            RelayEvent(
                event: "gap", channel: Vectors.channel, from: hole.lowerBound, to: hole.upperBound,
                cause: "foreign_publish")
        }
        #expect(gaps == expected)
    }

    private func expectHolesInMetrics(of relay: RelayProcess) async throws {
        let label = #"{channel="\#(Vectors.channel)",backplane="signalr2"}"#
        #expect(try await relay.metric("signalr_backplane_gaps_total" + label) == Double(Self.holes.count))
        let missing = Self.holes.reduce(0) { $0 + $1.count }
        #expect(try await relay.metric("signalr_backplane_missing_ids_total" + label) == Double(missing))
        #expect(
            try await relay.metric(
                "signalr_backplane_gaps_total{channel=\"\(Self.hugeChannel)\",backplane=\"signalr2\"}") == 0)
    }

    private func expectHolesInInfo(of directory: String) async throws {
        let info = try await CaptureInfo.read(directory)
        #expect(info.segments.map(\.state) == ["closed"])
        let holes = try #require(info.channels.first { $0.channel == Vectors.channel }).holes
        #expect(
            holes
                == Self.holes.map { CaptureInfo.Hole(from: $0.lowerBound, to: $0.upperBound, cause: "foreign_publish") }
        )
        let table = try await Finished.relay(["info", directory])
        #expect(table.exit == .code(0))
        #expect(table.output.contains("missing 49..72 (24): foreign_publish"))
    }
}
