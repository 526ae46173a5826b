import Foundation
import Redis
import TestSupport
import Testing

/// Names are bytes: two Unicode forms of one word are two event keys for Redis, for nodes and for the relay.
@Suite("Event keys in two Unicode forms", .serialized, .needs(.redisServer, .python))
struct UnicodeNameTests {
    private static let composed = "caf\u{E9}"
    private static let decomposed = "cafe\u{301}"

    private struct Line: Decodable {
        let channel: String
        let id: UInt64?
    }

    @Test("both are subscribed, recorded, distinguished in metrics, selected and replayed")
    func apart() async throws {
        // Equal in Swift, which is the pitfall.
        #expect(Self.composed == Self.decomposed)
        let counts = [(Self.composed, 3), (Self.decomposed, 5)]
        try await RedisServer.with { redis in
            try await TemporaryDirectory.with { folder in
                let capture = folder + "/capture"
                let arguments = ["--channel", Self.composed, "--channel", Self.decomposed, "--record", capture]
                try await RelayProcess.with(["--redis", redis.url] + arguments) { relay in
                    for round in 1...2 {
                        for (name, count) in counts {
                            #expect(try await subscribers(of: name, at: redis) == 1)
                            try await redis.withClient { client in
                                _ = try await NodePublisher(client, channel: name).publish(count)
                            }
                        }
                        try await eventually("each has its own count on /metrics") {
                            let shown = try await Self.envelopes(relay)
                            return counts.allSatisfy { name, count in
                                shown.contains { same($0.channel, name) && $0.count == count * round }
                            } ? true : nil
                        }
                        try await relay.waitForMetric("backplane_relay_recorded_envelopes_total", atLeast: 8 * round)
                        // The other half goes to another segment.
                        if round == 1 {
                            relay.child.signal(SIGHUP)
                            try await relay.waitForMetric("backplane_relay_segments_total", atLeast: 2)
                        }
                    }
                    #expect(try await relay.stop() == .code(0), "\(relay.child.errors)")
                }
                #expect(try CaptureFiles.paths(in: capture).count == 2)
                #expect(try await CaptureInfo.read(capture).complete == true)
                try await check(capture, counts)
                try await checkReplay(capture, counts, folder)
            }
        }
    }

    @Test("one recording each: separate files in one directory")
    func twoRecordings() async throws {
        try await RedisServer.with { redis in
            try await TemporaryDirectory.with { folder in
                let capture = folder + "/capture"
                for (name, count) in [(Self.composed, 6), (Self.decomposed, 10)] {
                    try await RelayProcess.with(
                        ["--redis", redis.url, "--channel", name, "--record", capture]
                    ) { relay in
                        try await redis.withClient { client in
                            _ = try await NodePublisher(client, channel: name).publish(count)
                        }
                        try await relay.waitForMetric("backplane_relay_recorded_envelopes_total", atLeast: count)
                        #expect(try await relay.stop() == .code(0))
                    }
                }
                #expect(try CaptureFiles.paths(in: capture).count == 2)
                try await check(capture, [(Self.composed, 3), (Self.decomposed, 5)])
            }
        }
    }

    /// - Parameter counts: half of the envelopes of each.
    private func check(_ capture: String, _ counts: [(name: String, count: Int)]) async throws {
        let info = try await CaptureInfo.read(capture)
        #expect(info.channels.count == 2)
        for (name, count) in counts {
            let channel = try #require(info.channels.first { same($0.channel, name) })
            #expect(channel.envelopes == 2 * count && channel.firstId == 1 && channel.lastId == UInt64(2 * count))
            #expect(channel.missingIds == 0)
            let cat = try await Finished.relay(["cat", capture, "--json", "--channel", name])
            #expect(cat.exit == .code(0), "\(cat.errors)")
            let lines = try cat.lines.map { try JSONDecoder().decode(Line.self, from: Data($0.utf8)) }
                .filter { $0.id != nil }
            #expect(lines.count == 2 * count)
            #expect(lines.allSatisfy { same($0.channel, name) })
        }
    }

    private func checkReplay(_ capture: String, _ counts: [(name: String, count: Int)], _ folder: String) async throws {
        try await RedisServer.with { target in
            let all = ["replay", capture, "--to", target.url, "--speed", "max", "--yes"]
            let replay = try await Finished.relay(all)
            #expect(replay.exit == .code(0), "\(replay.errors)")
            for (name, count) in counts {
                #expect(try await target.command(["GET", .text(name)]).text == "\(2 * count)")
            }
            let mapped = try await Finished.relay(
                all + ["--channel", Self.decomposed, "--map-channel", "\(Self.decomposed)=x"])
            #expect(mapped.exit == .code(0), "\(mapped.errors)")
            #expect(try await target.command(["GET", "x"]).text == "10")
            // Only the other form is in the selection.
            let wrong = try await Finished.relay(
                all + ["--channel", Self.composed, "--map-channel", "\(Self.decomposed)=x"])
            #expect(wrong.exit != .code(0))
        }
    }

    private func subscribers(of name: String, at redis: RedisServer) async throws -> Int? {
        let reply = try await redis.command(["PUBSUB", "NUMSUB", .text(name)])
        return reply.array?.last?.integer.map { Int($0) }
    }

    /// Not through a dictionary, in which both would be one key.
    private static func envelopes(_ relay: RelayProcess) async throws -> [(channel: String, count: Int)] {
        let answer = try await HTTPAnswer.demand(port: relay.port, "/metrics")
        return answer.body.split(separator: "\n").compactMap { line in
            line.firstMatch(of: #/^signalr_backplane_envelopes_total\{channel="([^"]*)",backplane="signalr2"\} (\d+)/#)
                .flatMap { match in Int(match.2).map { (String(match.1), $0) } }
        }
    }
}

private func same(_ one: String, _ other: String) -> Bool { one.utf8.elementsEqual(other.utf8) }
