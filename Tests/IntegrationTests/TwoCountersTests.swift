import Foundation
import Redis
import TestSupport
import Testing

/// Nodes using two databases of one Redis share an event key: their counters alternate.
@Suite("Two counters", .needs(editions: .redis6, .redis7, .valkey9))
struct TwoCountersTests {
    private static let turns = #"signalr_backplane_interleaved_ids_total{channel="chat",backplane="signalr2"}"#

    /// Ids 1 to 10 in database 0, then one in each database alternately: 1, 11, 2, 12, 3, 13 ...
    private static func publish(_ redis: RedisServer, whenRecognized: () async throws -> Void) async throws {
        try await redis.withClient { zero in
            try await redis.withClient { one in
                _ = try await one.send(["SELECT", "1"])
                let first = try await NodePublisher(zero, channel: "chat")
                let second = try await NodePublisher(one, channel: "chat")
                _ = try await first.publish(10)
                // Until the second alternation it could be one counter that was set back: at a slow rate, that is
                // reported.
                try await first.publish(inDatabases: [1, 0, 1, 0, 1, 0])
                try await whenRecognized()
                for _ in 3..<20 {
                    _ = try await second.publish(1)
                    _ = try await first.publish(1)
                }
            }
        }
    }

    private static func record(
        _ redis: RedisServer, _ directory: String, login: String = ""
    ) async throws -> (log: String, metrics: [String: Double]) {
        let arguments = ["--redis", "127.0.0.1:\(redis.port)" + login, "--channel", "chat", "--record", directory]
        return try await RelayProcess.with(arguments) { relay in
            try await publish(redis) {
                _ = try await eventually("it is reported") { relay.child.errors.contains("interleaved") ? true : nil }
            }
            try await relay.waitForMetric("backplane_relay_recorded_envelopes_total", atLeast: 50)
            let metrics = try await relay.metrics()
            #expect(try await relay.stop() == .code(0))
            return (relay.child.errors, metrics)
        }
    }

    @Test(
        "is told once, with the databases; no hole is told; the capture is replayed", arguments: RedisEdition.allCases)
    func twoDatabases(edition: RedisEdition) async throws {
        try await RedisServer.with(edition: edition) { redis in
            try await TemporaryDirectory.with { folder in
                let directory = folder + "/capture"
                let (log, metrics) = try await Self.record(redis, directory)
                let lines = log.split(separator: "\n")
                #expect(lines.count { $0.contains("interleaved") } == 1, "\(log)")
                #expect(log.contains("database 0 at 1") && log.contains("database 1 at "), "\(log)")
                // The first assumption, before the second alternation, is not reported.
                #expect(!log.contains("counter_reset") && !log.contains("gap"), "\(log)")
                #expect(metrics[Self.turns] == 38)
                #expect(metrics[#"signalr_backplane_counter_resets_total{channel="chat",backplane="signalr2"}"#] == 0)
                #expect(metrics[#"signalr_backplane_gaps_total{channel="chat",backplane="signalr2"}"#] == 0)
                #expect(metrics[#"signalr_backplane_missing_ids_total{channel="chat",backplane="signalr2"}"#] == 0)

                let info = try await Finished.relay(["info", directory])
                #expect(info.output.contains(#/events .*interleaved 1/#), "\(info.output)")
                #expect(!info.output.contains("counter_reset"), "\(info.output)")
                #expect(
                    info.output.contains(
                        "1..30 of 2 counters that publish in turn: which ids are missing is unknown"),
                    "\(info.output)")
                #expect(info.output.contains("database 0: ids 1..30, database 1: ids 1..20"), "\(info.output)")
                #expect(!info.output.contains("missing 1") && !info.output.contains("counter reset"))
                let channel = try #require(try await CaptureInfo.read(directory).channels.first)
                #expect(channel.missingIds == 0 && channel.holes == [] && channel.counterResets == [])

                try await RedisServer.with { target in
                    for ids in ["reissue", "rebase", "preserve"] {
                        let replay = try await Finished.relay(
                            ["replay", directory, "--to", target.url, "--speed", "max", "--ids", ids]
                                + (ids == "preserve" ? ["--force"] : []))
                        #expect(replay.exit == .code(0), "\(replay.errors)")
                        #expect(replay.output.contains(#/sent +50 envelopes/#), "\(replay.output)")
                        #expect(replay.errors.contains("several counters publish in turn on 'chat'"))
                        #expect(!replay.errors.contains("holes"), "\(replay.errors)")
                        if ids == "reissue" { #expect(replay.output.contains(#/ids given +1\.\.50/#)) }
                        if ids == "rebase" { #expect(replay.output.contains(#/ids given +51\.\.100/#)) }
                    }
                }
            }
        }
    }

    @Test("both start over and alternate: no duplicate ids")
    func equal() async throws {
        try await RedisServer.with { redis in
            try await TemporaryDirectory.with { folder in
                let directory = folder + "/capture"
                let arguments = ["--redis", redis.url, "--channel", "chat", "--record", directory]
                try await RelayProcess.with(arguments) { relay in
                    try await redis.withClient { zero in
                        try await redis.withClient { one in
                            _ = try await one.send(["SELECT", "1"])
                            let nodes = [
                                try await NodePublisher(zero, channel: "chat"),
                                try await NodePublisher(one, channel: "chat"),
                            ]
                            // With slow publishing, repeated ids are reported before two counters are known.
                            try await nodes[0].publish(inDatabases: [0, 1, 0, 1, 0, 1])
                            for _ in 4...20 { for node in nodes { _ = try await node.publish(1) } }
                        }
                    }
                    _ = try await eventually("it is reported") {
                        relay.child.errors.contains("interleaved") ? true : nil
                    }
                    try await relay.waitForMetric("backplane_relay_recorded_envelopes_total", atLeast: 40)
                    #expect(
                        try await relay.metric(
                            #"signalr_backplane_duplicate_ids_total{channel="chat",backplane="signalr2"}"#) == 0)
                    #expect(try await relay.metric(Self.turns) > 15)
                    #expect(try await relay.stop() == .code(0))
                    #expect(!relay.child.errors.contains("duplicate"), "\(relay.child.errors)")
                }
                let info = try await Finished.relay(["info", directory])
                #expect(!info.output.contains("duplicate"), "\(info.output)")
                #expect(info.output.contains("database 0: ids 1..20, database 1: ids 1..20"), "\(info.output)")
            }
        }
    }

    @Test("one is slow: the keys show that none was set back", arguments: [2, 100] as [UInt64])
    func slow(second: UInt64) async throws {
        try await RedisServer.with { redis in
            try await RelayProcess.with(["--redis", redis.url, "--channel", "chat"]) { relay in
                try await redis.withClient { zero in
                    try await redis.withClient { one in
                        _ = try await one.send(["SELECT", "1"])
                        _ = try await one.send(["SET", "chat", .text("\(second - 1)")])
                        let nodes = [
                            try await NodePublisher(zero, channel: "chat"),
                            try await NodePublisher(one, channel: "chat"),
                        ]
                        _ = try await nodes[0].publish(10)
                        _ = try await nodes[1].publish(1)
                        // Longer than changes that one counter explains are delayed without reading the keys.
                        try await Task.sleep(for: .milliseconds(1_500))
                        for _ in 0..<4 { for node in nodes { _ = try await node.publish(1) } }
                    }
                }
                _ = try await eventually("it is reported") { relay.child.errors.contains("interleaved") ? true : nil }
                #expect(!relay.child.errors.contains("counter_reset"), "\(relay.child.errors)")
                #expect(!relay.child.errors.contains("gap") && !relay.child.errors.contains("was_none"))
                let metrics = try await relay.metrics()
                #expect(metrics[#"signalr_backplane_counter_resets_total{channel="chat",backplane="signalr2"}"#] == 0)
                #expect(metrics[#"signalr_backplane_gaps_total{channel="chat",backplane="signalr2"}"#] == 0)
            }
        }
    }

    @Test("the higher counter appears second, and is not reported as a gap")
    func higherSecond() async throws {
        try await RedisServer.with { redis in
            try await TemporaryDirectory.with { folder in
                try await redis.withClient { client in
                    _ = try await client.send(["SELECT", "1"])
                    _ = try await client.send(["SET", "chat", "99"])
                }
                let (log, metrics) = try await Self.record(redis, folder + "/capture")
                #expect(log.split(separator: "\n").count { $0.contains("interleaved") } == 1, "\(log)")
                #expect(!log.contains("counter_reset") && !log.contains("gap"), "\(log)")
                #expect(metrics[#"signalr_backplane_gaps_total{channel="chat",backplane="signalr2"}"#] == 0)
                #expect(metrics[#"signalr_backplane_missing_ids_total{channel="chat",backplane="signalr2"}"#] == 0)
                #expect(metrics[#"signalr_backplane_counter_resets_total{channel="chat",backplane="signalr2"}"#] == 0)
                let info = try await Finished.relay(["info", folder + "/capture"])
                #expect(info.output.contains("database 0: ids 1..30, database 1: ids 100..119"), "\(info.output)")
                #expect(!info.output.contains("gap") && !info.output.contains("missing 1"), "\(info.output)")
            }
        }
    }

    @Test("a counter reset is reported within two seconds, even if nothing follows")
    func trueReset() async throws {
        try await RedisServer.with { redis in
            let arguments = ["--redis", redis.url, "--channel", "chat"]
            try await RelayProcess.with(arguments) { relay in
                try await redis.withClient { client in
                    let node = try await NodePublisher(client, channel: "chat")
                    _ = try await node.publish(10)
                    _ = try await client.send(["FLUSHALL"])
                    _ = try await node.publish(1)
                }
                _ = try await eventually("it is reported", within: .seconds(5)) {
                    relay.child.errors.contains("counter_reset") ? true : nil
                }
                #expect(relay.child.errors.contains("from=10 ") && !relay.child.errors.contains("interleaved"))
                #expect(
                    try await relay.metric(
                        #"signalr_backplane_counter_resets_total{channel="chat",backplane="signalr2"}"#)
                        == 1)
            }
        }
    }

    @Test("unreadable keys of a database are reported")
    func withoutRights() async throws {
        try await RedisServer.with { redis in
            try await TemporaryDirectory.with { folder in
                try await redis.command([
                    "ACL", "SETUSER", "relay", "on", ">secret", "resetkeys", "~chat", "resetchannels", "&chat", "-@all",
                    "+subscribe", "+ping", "+info", "+get",
                ])
                let (log, _) = try await Self.record(redis, folder + "/capture", login: ",user=relay,password=secret")
                #expect(log.contains("not separable"), "\(log)")
                let info = try await Finished.relay(["info", folder + "/capture"])
                #expect(info.output.contains("which ids are missing is unknown"), "\(info.output)")
                #expect(info.output.contains("not separable"), "\(info.output)")
            }
        }
    }
}
