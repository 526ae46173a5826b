import Backplane
import Foundation
import Redis
import TestSupport
import Testing

/// A relay that publishes what it receives into another Redis.
@Suite("Live forwarder", .serialized, .needs(.redisServer, .python))
struct ForwardTests {
    private static let channel = SmallCapture.channel
    private static let forwarded = #"backplane_relay_forwarded_envelopes_total{channel="chat",backplane="signalr2"}"#

    private static func dropped(_ reason: String) -> String {
        #"backplane_relay_forward_dropped_envelopes_total{reason="\#(reason)"}"#
    }

    /// Without the marks, as originally published.
    private static func original(_ payload: [UInt8]) throws -> [UInt8] {
        var body = try Envelope(decoding: payload).body
        body.messages = body.messages.map { message in
            var message = message
            message.filter = message.filter.split(separator: "|", omittingEmptySubsequences: false)
                .filter { !$0.hasPrefix("backplane-relay:") }.joined(separator: "|")
            return message
        }
        return body.encoded()
    }

    @Test("everything arrives once, in order, under ids of the target; also after a SCRIPT FLUSH there")
    func forwards() async throws {
        try await RedisServer.with { source in
            try await RedisServer.with { target in
                try await TemporaryDirectory.with { folder in
                    let heard = folder + "/heard"
                    let listening = ["--redis", target.url, "--channel", "staging", "--record", heard]
                    try await RelayProcess.with(listening) { listener in
                        let forwarding = [
                            "--redis", source.url, "--channel", Self.channel, "--forward", target.url,
                            "--forward-channel", "staging",
                        ]
                        let payloads = try await RelayProcess.with(forwarding) { relay in
                            try await source.withClient { client in
                                let publisher = try await NodePublisher(client, channel: Self.channel)
                                var payloads = try await publisher.publish(700)
                                try await relay.waitForMetric(Self.forwarded, atLeast: 700)
                                try await target.command(["SCRIPT", "FLUSH"])
                                payloads += try await publisher.publish(700)
                                try await relay.waitForMetric(Self.forwarded, atLeast: 1_400)
                                #expect(try await relay.metric("backplane_relay_forward_up") == 1)
                                #expect(try await relay.metric("backplane_relay_forward_lag_seconds") < 5)
                                return payloads.map(\.payload)
                            }
                        }
                        try await listener.waitForMetric("backplane_relay_recorded_envelopes_total", atLeast: 1_400)
                        #expect(try await listener.stop() == .code(0))
                        let received = try await MCAPMessage.read(CaptureFiles.paths(in: heard)).filter { !$0.isEvent }
                        #expect(received.map(\.id) == (1...1_400).map { UInt64($0) })
                        let originals = try received.map { try Self.original(Array($0.data)) }
                        #expect(originals == payloads.map { SmallCapture.blob(of: $0) })
                    }
                }
            }
        }
    }

    @Test("a ring of two forwarders: each envelope is at each place once")
    func ring() async throws {
        try await RedisServer.with { here in
            try await RedisServer.with { there in
                let out = ["--redis", here.url, "--channel", Self.channel, "--forward", there.url]
                let back = ["--redis", there.url, "--channel", Self.channel, "--forward", here.url]
                try await RelayProcess.with(out) { out in
                    try await RelayProcess.with(back) { back in
                        for (redis, count) in [(here, 30), (there, 20)] {
                            _ = try await redis.withClient { client in
                                try await NodePublisher(client, channel: Self.channel).publish(count)
                            }
                        }
                        try await out.waitForMetric(Self.forwarded, atLeast: 30)
                        try await back.waitForMetric(Self.forwarded, atLeast: 20)
                        try await out.waitForMetric(Self.dropped("loop"), atLeast: 20)
                        try await back.waitForMetric(Self.dropped("loop"), atLeast: 30)
                        for redis in [here, there] {
                            #expect(try await redis.command(["GET", .text(Self.channel)]).text == "50")
                        }
                        #expect(try await out.metric(Self.forwarded) == 30)
                        #expect(try await back.metric(Self.forwarded) == 20)
                    }
                }
            }
        }
    }

    @Test("the watched server and event key are refused at the start, whatever the address and the permissions")
    func refusesSource() async throws {
        try await RedisServer.with { redis in
            try await redis.command([
                "ACL", "SETUSER", "relay", "on", ">secret", "allkeys", "allchannels", "+@all", "-info",
            ])
            for target in ["redis://localhost:\(redis.port)", "redis://relay:secret@localhost:\(redis.port)"] {
                let run = try await Finished.relay([
                    "run", "--redis", redis.url, "--channel", Self.channel, "--listen", "127.0.0.1:0", "--forward",
                    target,
                ])
                #expect(run.exit == .code(1))
                #expect(run.errors.contains("is the watched server itself"), "\(run.errors)")
                #expect(run.errors.contains("--forward-channel"), "\(run.errors)")
            }
        }
    }

    @Test("a target that becomes the watched server: forwarding stops and reports it, recording continues")
    func becomesSource() async throws {
        try await RedisServer.with { redis in
            try await RedisServer.with { other in
                try await TemporaryDirectory.with { folder in
                    // Two sentinels, one per side; the target's sentinel switches to another master meanwhile.
                    try await Sentinel.with(watching: redis) { watched in
                        try await Sentinel.with(watching: other) { target in
                            let arguments = [
                                "--redis", watched.url, "--channel", Self.channel, "--record", folder + "/capture",
                                "--forward", target.url,
                            ]
                            try await RelayProcess.with(arguments) { relay in
                                try await redis.withClient { client in
                                    let publisher = try await NodePublisher(client, channel: Self.channel)
                                    _ = try await publisher.publish(5)
                                    try await relay.waitForMetric(Self.forwarded, atLeast: 5)
                                    try await target.watch(redis)
                                    try await other.withClient {
                                        _ = try await $0.send(["CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"])
                                    }
                                    var published = 5
                                    // Detected with the next envelope.
                                    try await eventually("forwarding has stopped") {
                                        published += try await publisher.publish(1).count
                                        return relay.child.errors.contains(
                                            "forwarding has stopped, recording continues") ? true : nil
                                    }
                                    published += try await publisher.publish(20).count
                                    try await relay.waitForMetric(Self.dropped("loop"), atLeast: 20)
                                    try await relay.waitForMetric(
                                        "backplane_relay_recorded_envelopes_total", atLeast: published)
                                    #expect(try await relay.metric("backplane_relay_forward_up") == 0)
                                    #expect(try await client.send(["GET", .text(Self.channel)]).text == "\(published)")
                                    #expect(try await relay.stop() == .code(0))
                                }
                            }
                        }
                    }
                }
            }
        }
    }

    @Test("a target that is down, then up: recording continues, refused envelopes are counted, the rest arrives")
    func absent() async throws {
        try await RedisServer.with { source in
            try await RedisServer.with { target in
                await target.stop()
                try await TemporaryDirectory.with { folder in
                    let arguments = [
                        "--redis", source.url, "--channel", Self.channel, "--record", folder + "/capture", "--forward",
                        target.url, "--forward-buffer", "1MiB",
                    ]
                    try await RelayProcess.with(arguments) { relay in
                        try await source.withClient { client in
                            let publisher = try await NodePublisher(client, channel: Self.channel)
                            var published = 0
                            while try await relay.metric(Self.dropped("buffer_full")) == 0 {
                                published += try await publisher.publish(20, size: 20_000).count
                                try await relay.waitForMetric(
                                    "backplane_relay_recorded_envelopes_total", atLeast: published)
                            }
                            #expect(try await relay.metric("backplane_relay_forward_queue_bytes") <= 1_048_576)
                            #expect(try await relay.metric("backplane_relay_forward_up") == 0)
                            #expect(try await relay.readiness() == 200)
                            try await target.start()
                            let dropped = Int(try await relay.metric(Self.dropped("buffer_full")))
                            try await relay.waitForMetric(Self.forwarded, atLeast: published - dropped)
                            _ = try await publisher.publish(5)
                            try await relay.waitForMetric(Self.forwarded, atLeast: published - dropped + 5)
                            #expect(
                                try await target.command(["GET", .text(Self.channel)]).text
                                    == "\(published - dropped + 5)")
                        }
                        #expect(try await relay.stop() == .code(0))
                    }
                }
            }
        }
    }

    @Test("a frozen target loses no confirmed envelope; a stop sends pending envelopes")
    func frozen() async throws {
        try await RedisServer.with { source in
            try await RedisServer.with { target in
                let arguments = ["--redis", source.url, "--channel", Self.channel, "--forward", target.url]
                try await RelayProcess.with(arguments) { relay in
                    _ = try await source.withClient { client in
                        let publisher = try await NodePublisher(client, channel: Self.channel)
                        _ = try await publisher.publish(10)
                        try await relay.waitForMetric(Self.forwarded, atLeast: 10)
                        target.freeze()
                        _ = try await publisher.publish(100)
                        try await relay.waitForMetric(
                            #"signalr_backplane_envelopes_total{channel="chat",backplane="signalr2"}"#, atLeast: 110)
                        target.thaw()
                    }
                    #expect(try await relay.stop() == .code(0))
                    #expect(try await target.command(["GET", .text(Self.channel)]).text == "110")
                }
            }
        }
    }

    @Test("a cluster is refused at the start, by its name", arguments: RedisEdition.allCases)
    func refusesCluster(edition: RedisEdition) async throws {
        guard edition.path != nil else { return }
        try await RedisServer.with { source in
            try await RedisServer.withCluster(edition: edition) { target in
                let run = try await Finished.relay([
                    "run", "--redis", source.url, "--channel", Self.channel, "--listen", "127.0.0.1:0", "--forward",
                    target.url,
                ])
                #expect(run.exit == .code(1))
                #expect(run.errors.contains("runs in cluster mode"), "\(run.errors)")
            }
        }
    }

    @Test(
        "invalid combinations of options are reported",
        arguments: [
            (["--forward-channel", "x"], "--forward"), (["--forward", "redis://h:1", "--forward-ca-file", "x"], "TLS"),
            (["--forward", "http://x"], "--forward"),
        ])
    func options(arguments: [String], mentions: String) async throws {
        let run = try await Finished.relay(
            ["run", "--redis", "redis://127.0.0.1:1", "--channel", "chat"] + arguments)
        #expect(run.exit == .code(64))
        #expect(run.errors.contains(mentions))
    }
}
