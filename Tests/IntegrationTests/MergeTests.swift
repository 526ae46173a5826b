import Foundation
import Redis
import TestSupport
import Testing

/// Two relays on one channel, each disconnected at a different time.
@Suite("Merge and diff", .serialized, .needs(.redisServer, .python))
struct MergeTests {
    private static let channel = SmallCapture.channel
    private static let recorded = "backplane_relay_recorded_envelopes_total"

    @Test("a redundant pair: each has what the other missed, and the merged capture replays without a gap")
    func pair() async throws {
        try await withPair { folder, payloads in
            let (a, b, both) = (folder + "/a", folder + "/b", folder + "/both")
            let merge = try await Finished.relay(["merge", a, b, "-o", both + "/"])
            #expect(merge.exit == .code(0), "\(merge.output)\(merge.errors)")
            #expect(merge.output.contains(#/envelopes +120/#), "\(merge.output)")
            #expect(merge.output.contains(#/in several +60/#))
            #expect(merge.output.contains(#/missing +nothing/#))

            let messages = try await MCAPMessage.read(CaptureFiles.paths(in: both)).filter { !$0.isEvent }
            #expect(messages.map { Array($0.data) } == payloads)
            #expect(try await Finished.relay(["verify", both]).exit == .code(0))
            let info = try await Finished.relay(["info", both])
            #expect(info.output.contains("complete: ids 1..120, 0 missing"), "\(info.output)")

            try await RedisServer.with { target in
                let replay = try await Finished.relay(["replay", both, "--to", target.url, "--speed", "max"])
                #expect(replay.exit == .code(0), "\(replay.errors)")
                #expect(!replay.errors.contains("holes"))
                #expect(try await target.command(["GET", .text(Self.channel)]).text == "120")
            }
            let again = try await Finished.relay(["merge", a, b, "-o", both])
            #expect(again.exit == .code(1))
            // If refused, it leaves no incomplete capture.
            let refused = try await Finished.relay(["merge", a, b, "-o", folder + "/none", "--horizon", "1ms"])
            if refused.exit == .code(1) { #expect(refused.errors.contains("--horizon")) }
            let left = try FileManager.default.contentsOfDirectory(atPath: folder)
            #expect(!left.contains { $0.hasSuffix(".part") })
            #expect(left.contains("none") == (refused.exit != .code(1)))
        }
    }

    @Test("diff lists the ranges that only one has; a capture equals itself")
    func diff() async throws {
        try await withPair { folder, _ in
            let (a, b) = (folder + "/a", folder + "/b")
            let diff = try await Finished.relay(["diff", a, b])
            #expect(diff.exit == .code(3))
            #expect(
                diff.lines == ["> chat  ids 31..60  30 envelopes", "< chat  ids 61..90  30 envelopes"], "\(diff.output)"
            )
            #expect(diff.errors.contains("60 envelopes in both, 30 only in the first, 30 only in the second"))
            let all = try await Finished.relay(["diff", a, b, "--all", "--from-id", "60", "--until-id", "61"])
            #expect(all.lines.count == 2)
            #expect(all.output.contains("chatHub.broadcastMessage(2)"))
            let json = try await Finished.relay(["diff", a, b, "--json"])
            #expect(
                json.lines == [
                    #"{"difference":"only_in_second","channel":"chat","from_id":31,"to_id":60,"envelopes":30}"#,
                    #"{"difference":"only_in_first","channel":"chat","from_id":61,"to_id":90,"envelopes":30}"#,
                ])
            let envelopes = try await Finished.relay(["diff", a, b, "--json", "--all"])
            #expect(envelopes.lines.count == 60)
            #expect(envelopes.lines.first?.hasPrefix(#"{"difference":"only_in_second","envelope":{"channel":"#) == true)
            let same = try await Finished.relay(["diff", a, a])
            #expect(same.exit == .code(0), "\(same.output)\(same.errors)")
            #expect(same.output.isEmpty)
        }
    }

    @Test("ids missing in all stay missing, with the cause from one of them")
    func missing() async throws {
        try await withPair { folder, _ in
            let merge = try await Finished.relay([
                "merge", folder + "/a", folder + "/a", "-o", folder + "/both",
            ])
            #expect(merge.exit == .code(0), "no relay recorded: not a loss")
            #expect(merge.output.contains("30 ids that no capture has: 31..60"), "\(merge.output)")
            let info = try await Finished.relay(["info", folder + "/both"])
            #expect(info.output.contains("missing 31..60 (30): not_recording"), "\(info.output)")
        }
    }

    /// `a` lacks 31 to 60, `b` lacks 61 to 90 of 120.
    private func withPair(_ body: (_ folder: String, _ payloads: [[UInt8]]) async throws -> Void) async throws {
        try await TemporaryDirectory.with { folder in
            let payloads = try await RedisServer.with { redis in
                try await redis.withClient { client in
                    let publisher = try await NodePublisher(client, channel: Self.channel)
                    var payloads: [[UInt8]] = []
                    for listeners in [["a", "b"], ["b"], ["a"], ["a", "b"]] {
                        payloads += try await Self.recording(listeners, redis, folder) {
                            try await publisher.publish(30).map(\.payload)
                        }
                    }
                    return payloads
                }
            }
            try await body(folder, payloads)
        }
    }

    private static func recording(
        _ names: [String], _ redis: RedisServer, _ folder: String, _ publish: () async throws -> [[UInt8]]
    ) async throws -> [[UInt8]] {
        guard let name = names.first else { return try await publish() }
        let arguments = ["--redis", redis.url, "--channel", channel, "--record", folder + "/" + name]
        return try await RelayProcess.with(arguments) { relay in
            let payloads = try await recording(Array(names.dropFirst()), redis, folder, publish)
            try await relay.waitForMetric(recorded, atLeast: payloads.count)
            #expect(try await relay.stop() == .code(0))
            return payloads
        }
    }
}
