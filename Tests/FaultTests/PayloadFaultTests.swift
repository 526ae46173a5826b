import Foundation
import Redis
import TestSupport
import Testing

/// Payloads that real nodes never or rarely publish.
@Suite("Payload fault", .serialized, .needs(.redisServer, .python), .timeLimit(.minutes(3)))
struct PayloadFaultTests {
    @Test("without an id: recorded unchanged")
    func withoutID() async throws {
        try await RedisServer.with { redis in
            let account = try await Scene.run(redis) { scene in
                for _ in 0..<5 {
                    scene.publisher.publishRaw(20)
                    try await scene.publisher.more(50)
                }
                let undecodable =
                    #"signalr_backplane_undecodable_total{channel="chat",backplane="signalr2",reason="no_id"}"#
                try await scene.relay().waitForMetric(undecodable, atLeast: 100)
            }
            account.expectBalanced("without id")
            #expect(account.recorded == account.published)
        }
    }

    @Test("ids from 1e14, which Lua writes as 1e+14")
    func hugeIDs() async throws {
        try await RedisServer.with { redis in
            try await redis.command(["SET", .text(Scene.channel), "99999999999900"])
            let account = try await Scene.run(redis) { scene in
                try await scene.publisher.more(300)
            }
            account.expectBalanced("ids from 1e14")
            #expect(account.recorded == account.published)
        }
    }

    @Test("64 MB: recorded if --buffer has room for it, otherwise reported", arguments: [true, false])
    func sixtyFourMegabytes(fits: Bool) async throws {
        let limits = [
            "--client-output-buffer-limit", "pubsub 1gb 0 0", "--client-query-buffer-limit", "512mb",
            "--proto-max-bulk-len", "512mb",
        ]
        try await RedisServer.with(limits) { redis in
            let options = Scene.Options(arguments: ["--buffer", fits ? "256MiB" : "32MiB"])
            let account = try await Scene.run(redis, options) { scene in
                scene.publisher.publish(1, size: 64_000_000)
                try await scene.publisher.more(100, within: .seconds(60))
                try await scene.waitUntilRecording()
            }
            account.expectBalanced("64 MB, \(fits ? "enough" : "too little") buffer")
            if fits {
                #expect(account.recorded == account.published)
            } else {
                #expect(account.missing["too_large"] == 1)
                #expect(Set(account.missing.keys) == ["too_large"])
            }
        }
    }

    @Test("two applications on one event key: everything is recorded, and the metrics report interleaved ids")
    func twoApplications() async throws {
        try await RedisServer.with { redis in
            try await TemporaryDirectory.with { folder in
                let directory = folder + "/capture"
                let arguments = ["--redis", redis.url, "--channel", Scene.channel, "--record", directory]
                try await RelayProcess.with(arguments) { relay in
                    var other = redis.configuration
                    other.database = 1
                    let seed = UInt64.random(in: 0...UInt64.max)
                    let publishers = [redis.configuration, other].enumerated().map { number, configuration in
                        Publisher(configuration, channel: Scene.channel, seed: seed &+ UInt64(number))
                    }
                    for publisher in publishers { publisher.start() }
                    for publisher in publishers { try await publisher.more(500) }
                    for publisher in publishers { await publisher.stop() }
                    let published = publishers.flatMap { $0.ledger.publications.compactMap(\.payload) }
                    try await relay.waitForMetric("backplane_relay_recorded_envelopes_total", atLeast: published.count)
                    #expect(
                        try await relay.metric(
                            #"signalr_backplane_interleaved_ids_total{channel="chat",backplane="signalr2"}"#) > 0)
                    #expect(try await relay.stop() == .code(0))

                    var recorded: [[UInt8]] = []
                    for item in try await TimelineItem.read(directory, channel: Scene.channel) {
                        if case .envelope(let payload) = item { recorded.append(payload) }
                    }
                    let order: ([UInt8], [UInt8]) -> Bool = { $0.lexicographicallyPrecedes($1) }
                    #expect(recorded.sorted(by: order) == published.sorted(by: order), "seed \(seed)")
                }
            }
        }
    }
}
