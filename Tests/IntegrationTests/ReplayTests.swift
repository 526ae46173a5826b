import Backplane
import Foundation
import Redis
import TestSupport
import Testing

/// A capture of one Redis, replayed into another.
@Suite("Replay", .serialized, .needs(.redisServer, .python))
struct ReplayTests {
    @Test("the same blobs in the same order, under ids assigned by the target")
    func replays() async throws {
        try await withCapture { source, directory, payloads in
            try await RedisServer.with { target in
                let received = try await Self.received(by: target, on: SmallCapture.channel, count: payloads.count) {
                    let replay = try await Finished.relay([
                        "replay", directory, "--to", target.url, "--speed", "max", "--yes",
                    ])
                    #expect(replay.exit == .code(0), "\(replay.errors)")
                    #expect(replay.output.contains(#/sent +40 envelopes/#))
                    #expect(replay.output.contains(#/ids given +1\.\.40/#))
                    #expect(replay.output.contains(#/receivers +min 1, median 1, max 1/#))
                }
                #expect(received.map(\.id) == (1...UInt64(payloads.count)).map { $0 })
                #expect(received.map { SmallCapture.blob(of: $0.data) } == payloads.map { SmallCapture.blob(of: $0) })
            }
        }
    }

    @Test("refuses the server it was recorded from, unless allowed")
    func refusesSource() async throws {
        try await withCapture { source, directory, payloads in
            let refused = try await Finished.relay(["replay", directory, "--to", source.url, "--speed", "max", "--yes"])
            #expect(refused.exit == .code(1))
            #expect(refused.errors.contains("--allow-source"))
            try await source.withClient { client in
                let counter = try await client.send(["GET", .text(SmallCapture.channel)])
                #expect(counter.text == "\(payloads.count)", "nothing was published")
            }
            let allowed = try await Finished.relay(
                ["replay", directory, "--to", source.url, "--speed", "max", "--allow-source", "--yes"])
            #expect(allowed.exit == .code(0), "\(allowed.errors)")
        }
    }

    @Test("keeps the pace, on another channel, and reports its delay")
    func pace() async throws {
        try await withCapture { _, directory, payloads in
            try await RedisServer.with { target in
                let received = try await Self.received(by: target, on: "staging", count: payloads.count) {
                    let replay = try await Finished.relay(
                        ["replay", directory, "--to", target.url, "--speed", "10", "--to-channel", "staging", "--yes"])
                    #expect(replay.exit == .code(0), "\(replay.errors)")
                    #expect(replay.output.contains(#/duration .*, rated /#))
                    #expect(
                        replay.output.contains(
                            #/lateness +p50 [\d.,]+ ms, p90 [\d.,]+ ms, p99 [\d.,]+ ms, max [\d.,]+ ms/#))
                }
                #expect(received.map { SmallCapture.blob(of: $0.data) } == payloads.map { SmallCapture.blob(of: $0) })
            }
        }
    }

    @Test("a damaged capture: complete chunks are published, exit 3")
    func torn() async throws {
        try await withCapture { _, directory, payloads in
            let file = try #require(try CaptureFiles.paths(in: directory).first)
            let whole = try Data(contentsOf: URL(fileURLWithPath: file))
            try whole.prefix(whole.count / 2).write(to: URL(fileURLWithPath: file))
            let kept = try await Finished.relay(["cat", "--json", directory])
            #expect(kept.exit == .code(3))
            #expect((1..<payloads.count).contains(kept.lines.count))
            try await RedisServer.with { target in
                let received = try await Self.received(
                    by: target, on: SmallCapture.channel, count: kept.lines.count
                ) {
                    let replay = try await Finished.relay([
                        "replay", directory, "--to", target.url, "--speed", "max", "--yes",
                    ])
                    #expect(replay.exit == .code(3))
                    #expect(replay.errors.contains("damage: "))
                }
                #expect(
                    received.map { SmallCapture.blob(of: $0.data) }
                        == payloads.prefix(kept.lines.count).map { SmallCapture.blob(of: $0) })
            }
        }
    }

    @Test("a cluster is refused, and nothing is published", arguments: RedisEdition.allCases)
    func refusesCluster(edition: RedisEdition) async throws {
        guard edition.path != nil else { return }
        try await withCapture { _, directory, _ in
            try await RedisServer.withCluster(edition: edition) { target in
                let replay = try await Finished.relay(["replay", directory, "--to", target.url, "--speed", "max"])
                #expect(replay.exit == .code(1))
                #expect(replay.errors.contains("cluster"), "\(replay.errors)")
                #expect(try await target.command(["DBSIZE"]).integer == 0)
            }
        }
    }

    @Test("rebase: the captured distances above the target's counter; preserve: the same bytes")
    func ids() async throws {
        try await withCapture { _, directory, payloads in
            try await RedisServer.with { target in
                try await target.command(["SET", .text(SmallCapture.channel), "500"])
                let part = ["--from-id", "11", "--until-id", "20", "--speed", "max", "--yes"]
                let rebased = try await Self.received(by: target, on: SmallCapture.channel, count: 10) {
                    let replay = try await Finished.relay(
                        ["replay", directory, "--to", target.url, "--ids", "rebase"] + part)
                    #expect(replay.exit == .code(0), "\(replay.errors)")
                }
                #expect(rebased.map(\.id) == (501...510).map { UInt64($0) })
                #expect(
                    rebased.map { SmallCapture.blob(of: $0.data) }
                        == payloads[10..<20].map { SmallCapture.blob(of: $0) })
                #expect(try await target.command(["GET", .text(SmallCapture.channel)]).text == "510")

                let preserve = ["replay", directory, "--to", target.url, "--ids", "preserve"] + part
                let refused = try await Finished.relay(preserve)
                #expect(refused.exit == .code(1))
                #expect(refused.errors.contains("rebase"))
                try await target.command(["DEL", .text(SmallCapture.channel)])
                let preserved = try await Self.received(by: target, on: SmallCapture.channel, count: 10) {
                    let heard = try await Finished.relay(preserve)
                    #expect(heard.exit == .code(1), "the channel has a subscriber")
                    let replay = try await Finished.relay(preserve + ["--force"])
                    #expect(replay.exit == .code(0), "\(replay.errors)")
                }
                #expect(preserved.map { Array($0.data) } == Array(payloads[10..<20]))
                #expect(try await target.command(["GET", .text(SmallCapture.channel)]).text == "20")
            }
        }
    }

    @Test("a mapped hub and event key, the forecast, and no publish without --yes")
    func mapsAndForecast() async throws {
        try await withCapture { _, directory, payloads in
            try await RedisServer.with { target in
                let mapped = [
                    "replay", directory, "--to", target.url, "--speed", "max", "--map-channel",
                    "\(SmallCapture.channel)=other", "--map-hub", "chatHub=talkHub",
                ]
                let forecast = try await Finished.relay(mapped + ["--dry-run"])
                #expect(forecast.exit == .code(0))
                #expect(
                    forecast.output.contains("chat -> other: 40 envelopes, captured ids 1..40"), "\(forecast.output)")
                let told = try await Finished.relay(mapped + ["--dry-run", "--json"])
                #expect(told.exit == .code(0) && told.lines.count == 1, "\(told.output)")
                let object = try #require(
                    try JSONSerialization.jsonObject(with: Data(told.output.utf8)) as? [String: Any])
                #expect(object["dry_run"] as? Bool == true && object["envelopes"] as? Int == 40)
                #expect(object["capture_complete"] as? Bool == true && object["rounds"] as? Int == 1)
                #expect(object["rated_seconds"] == nil && object["ids"] as? String == "reissue")
                let channel = try #require((object["channels"] as? [[String: Any]])?.first)
                #expect(channel["captured"] as? String == "chat" && channel["target"] as? String == "other")
                #expect(channel["first_id"] as? Int == 1 && channel["last_id"] as? Int == 40)
                #expect(channel["counter"] as? Int == 0)
                let received = try await Self.received(by: target, on: "other", count: payloads.count) {
                    let unasked = try await Finished.relay(mapped)
                    #expect(unasked.exit == .code(1))
                    #expect(unasked.errors.contains("--yes"))
                    #expect(try await target.command(["DBSIZE"]).integer == 0)
                    let replay = try await Finished.relay(mapped + ["--yes"])
                    #expect(replay.exit == .code(0), "\(replay.errors)")
                }
                #expect(received.count == payloads.count)
                for message in received {
                    let body = try Envelope(decoding: Array(message.data)).body
                    #expect(body.messages.map(\.key) == ["h-talkHub"])
                    #expect(
                        String(decoding: body.messages[0].value, as: UTF8.self).hasPrefix(
                            #"{"H":"talkHub","M":"broadcastMessage""#))
                }
            }
        }
    }

    @Test("damage before --limit is reported, although reading ends there")
    func damageBeforeLimit() async throws {
        try await withCapture { _, directory, _ in
            let file = try #require(try CaptureFiles.paths(in: directory).first)
            var bytes = try Data(contentsOf: URL(fileURLWithPath: file))
            // In the first chunk: after the header and the metadata, before the second one.
            let sync = try #require(bytes.firstIndex(of: 0x80))
            bytes[sync + 200] ^= 0xFF
            try bytes.write(to: URL(fileURLWithPath: file))
            let verify = try await Finished.relay(["verify", directory])
            #expect(verify.exit == .code(3), "the capture is damaged")
            try await RedisServer.with { target in
                let replay = try await Finished.relay(
                    ["replay", directory, "--to", target.url, "--speed", "max", "--limit", "5"])
                #expect(replay.exit == .code(3), "\(replay.errors)")
                #expect(replay.errors.contains("damage: "))
            }
        }
    }

    // MARK: - Missing names

    static let wrongNames: [(arguments: [String], text: String)] = [
        (["--map-channel", "chta=staging"], "no channel 'chta' in the selection; it has 'chat'"),
        (["--map-channel", "Chat=staging"], "no channel 'Chat' in the selection; it has 'chat'"),
        (["--map-hub", "chatHbu=other"], "no hub 'chatHbu' in the selection; it has 'chatHub'"),
        (["--map-hub", "chathub=talk", "--map-hub", "game=other"], "no hub 'game' in the selection; it has 'chatHub'"),
        (["--channel", "chta"], "no channel 'chta' in the capture; it has 'chat'"),
        (["--channel", "chat", "--channel", "game"], "no channel 'game' in the capture; it has 'chat'"),
    ]

    @Test("a name outside the selection is an error that lists existing names; nothing is published")
    func namesThatAreNotThere() async throws {
        try await withCapture { _, directory, _ in
            try await RedisServer.with { target in
                for (arguments, text) in Self.wrongNames {
                    let replay = try await Finished.relay(
                        ["replay", directory, "--to", target.url, "--speed", "max", "--yes"] + arguments)
                    #expect(replay.exit == .code(1), "\(arguments)")
                    #expect(replay.errors.contains(text), "\(replay.errors)")
                }
                try await target.withClient { client in
                    let keys = try await client.send(["DBSIZE"]).integer
                    #expect(keys == 0, "nothing was published")
                }
                let some = try await Finished.relay(
                    ["replay", directory, "--to", target.url, "--dry-run", "--hub", "CHATHUB", "--hub", "game"])
                #expect(some.exit == .code(0))
                #expect(some.errors.contains("nothing is selected by hub 'game'"), "\(some.errors)")
                #expect(!some.errors.contains("CHATHUB"))
                let cat = try await Finished.relay(["cat", directory, "--channel", "chta"])
                #expect(cat.errors.contains("no channel 'chta' in the capture; it has 'chat'"), "\(cat.errors)")
            }
        }
    }

    @Test("a replay without receivers is reported")
    func reachedNobody() async throws {
        try await withCapture { _, directory, payloads in
            try await RedisServer.with { target in
                let replay = try await Finished.relay(["replay", directory, "--to", target.url, "--speed", "max"])
                #expect(replay.exit == .code(0))
                #expect(replay.output.contains(#/receivers +none: the target had no subscribers/#), "\(replay.output)")
                #expect(replay.errors.contains("no publish reached a receiver"), "\(replay.errors)")
                let json = try await Finished.relay(
                    ["replay", directory, "--to", target.url, "--speed", "max", "--json"])
                #expect(json.output.contains(#""reached_nobody":true"#), "\(json.output)")
                _ = try await Self.received(by: target, on: SmallCapture.channel, count: payloads.count) {
                    let heard = try await Finished.relay(
                        ["replay", directory, "--to", target.url, "--speed", "max", "--json", "--yes"])
                    #expect(heard.output.contains(#""reached_nobody":false"#), "\(heard.output)")
                    #expect(!heard.errors.contains("no publish reached"))
                }
            }
        }
    }

    // MARK: - Helpers

    private func withCapture(
        _ body: (_ source: RedisServer, _ directory: String, _ payloads: [[UInt8]]) async throws -> Void
    ) async throws {
        try await RedisServer.with { source in
            try await TemporaryDirectory.with { folder in
                let directory = folder + "/capture"
                let payloads = try await SmallCapture.record(from: source, into: directory)
                try await body(source, directory, payloads)
            }
        }
    }

    /// Envelopes received by a subscriber of `target` while `publish` runs: another relay's recording, read by Python.
    private static func received(
        by target: RedisServer, on channel: String, count: Int, _ publish: () async throws -> Void
    ) async throws -> [MCAPMessage] {
        try await TemporaryDirectory.with { folder in
            let directory = folder + "/received"
            let arguments = ["--redis", target.url, "--channel", channel, "--record", directory]
            try await RelayProcess.with(arguments) { relay in
                try await publish()
                try await relay.waitForMetric("backplane_relay_recorded_envelopes_total", atLeast: count)
                #expect(try await relay.stop() == .code(0))
            }
            return try await MCAPMessage.read(CaptureFiles.paths(in: directory)).filter { !$0.isEvent }
        }
    }
}
