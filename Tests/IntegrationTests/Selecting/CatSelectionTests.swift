import Foundation
import TestSupport
import Testing

/// The options for selecting, with a capture recorded by a relay.
@Suite("Selecting with cat", .serialized, .needs(.redisServer))
struct CatSelectionTests {
    /// Options, and the selected ids; `-` for an envelope without one.
    private static let cases: [([String], [String])] = [
        ([], ["1", "2", "3", "4", "5", "6", "-"]),
        (["--hub", "chathub"], ["1", "2", "3"]),
        (["--hub", "chatHub", "--method", "send"], ["1", "3"]),
        (["--method", "alarm", "--method", "move"], ["2", "4"]),
        (["--signal", "hg-*.???"], ["2", "3"]),
        (["--kind", "ack", "--kind", "user"], ["5", "6"]),
        (["--source", "c2"], ["2", "4"]),
        (["--source", "c2", "--kind", "group"], ["2"]),
        (["--grep", #"disk "full""#, "--grep", "dev"], ["2", "3"]),
        (["--from-id", "2", "--until-id", "4"], ["2", "3", "4"]),
        (["--sample", "100%"], ["1", "2", "3", "4", "5", "6"]),
        (["--from", "-1h"], ["1", "2", "3", "4", "5", "6", "-"]),
        (["--from", "+1h"], []),
        (["--until", "+1h", "--hub", "gameHub"], ["4", "5"]),
        (["--channel", "other"], []),
    ]

    @Test("each option selects, in text and in JSON")
    func options() async throws {
        try await RedisServer.with { redis in
            try await TemporaryDirectory.with { folder in
                let directory = folder + "/capture"
                try await RelayProcess.with(["--redis", redis.url, "--channel", "chat", "--record", directory]) {
                    relay in
                    try await MixedTraffic.publish(to: redis)
                    try await relay.waitForMetric(
                        "backplane_relay_recorded_envelopes_total", atLeast: MixedTraffic.payloads.count)
                    try await expect(Self.cases, in: directory)
                    #expect(try await relay.stop() == .code(0))
                }
                // A closed file is read through its summary.
                try await expect(Self.cases, in: directory)
            }
        }
    }

    private func expect(_ cases: [([String], [String])], in directory: String) async throws {
        for (options, ids) in cases {
            let json = try await Finished.relay(["cat", "--json", directory] + options)
            #expect(json.exit == .code(0), "\(options): \(json.errors)")
            let found = json.lines.map { line in
                line.firstMatch(of: #/"id":(\d+)/#).map { String($0.1) } ?? "-"
            }
            #expect(found == ids, "\(options)")
            let text = try await Finished.relay(["cat", directory] + options)
            #expect(text.lines.map { String($0.split(separator: " ")[1]) } == found, "\(options)")
        }
    }

    @Test("an empty range: exit 64, with both times")
    func emptySpan() async throws {
        try await RedisServer.with { redis in
            try await TemporaryDirectory.with { folder in
                _ = try await SmallCapture.record(from: redis, into: folder + "/capture", bursts: 1)
                let run = try await Finished.relay(["cat", folder + "/capture", "--from", "+2s", "--until", "+1s"])
                #expect(run.exit == .code(64))
                #expect(run.errors.contains("--until") && run.errors.contains("not after --from"))
            }
        }
    }
}
