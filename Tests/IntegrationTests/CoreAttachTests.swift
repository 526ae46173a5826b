import Backplane
import Capture
import Foundation
import Logging
import NIOPosix
import Redis
import TestSupport
import Testing

/// A relay attached to hubs of ASP.NET Core on a real server.
@Suite("Attached to ASP.NET Core", .serialized, .needs(.redisServer), .timeLimit(.minutes(3)))
struct CoreAttachTests {
    /// Publishes every payload in ARGV on its channel, repeated as often as the first argument says, at full speed.
    private static let publish = """
        for i = 1, tonumber(ARGV[1]) do
            for j = 2, #ARGV, 2 do redis.call('PUBLISH', ARGV[j], ARGV[j + 1]) end
        end
        """

    private static func publish(_ payloads: [CoreVectors.Payload], times: Int, to redis: RedisServer) async throws {
        let arguments = payloads.flatMap { [RESPArgument.bytes($0.channel), .bytes($0.payload)] }
        try await redis.command(["EVAL", .text(publish), "0", "\(times)"] + arguments)
    }

    /// Subscribes like the nodes of these hubs, so that the hubs are found.
    private static func withNodes<Value>(
        of hubs: [CoreHub], on redis: RedisServer, isolation: isolated (any Actor)? = #isolation,
        _ body: () async throws -> Value
    ) async throws -> Value {
        let kinds: [CoreKind] = [.all, .groupCommand]
        let names = hubs.flatMap { hub in
            (kinds.map { hub.channel($0, []) } + [hub.channel(.ack, Array("web_0123456789abcdef0123456789abcdef".utf8))])
                .map { SubscribedName(channel: $0, index: 0, keepsName: false) }
        }
        let traffic = CollectedTraffic()
        let subscriber = RedisSubscriber(
            configuration: redis.configuration, names: names, title: { "nodes" },
            eventLoopGroup: MultiThreadedEventLoopGroup.singleton, sink: traffic,
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
        let listening = Task { try await subscriber.run() }
        defer { listening.cancel() }
        try await eventually("the nodes listen") { traffic.isSubscribed ? true : nil }
        return try await body()
    }

    /// The records of each channel, in order, and the names of the events.
    private static func read(_ directory: String) throws -> (records: [String: [[UInt8]]], events: [String]) {
        var records: [String: [[UInt8]]] = [:]
        var events: [String] = []
        try CaptureReader(paths: [directory]).forEach { item in
            switch item {
            case .envelope(let envelope): records[envelope.channel, default: []].append(Array(envelope.payload))
            case .event(let event, _): events.append(event.event)
            }
        }
        return (records, events)
    }

    @Test(
        "each payload of real nodes is recorded byte for byte and in order, at Redis' limit",
        arguments: RedisEdition.allCases)
    func everyKind(edition: RedisEdition) async throws {
        let times = 50
        for setting in try CoreVectors.all() {
            try await RedisServer.with(edition: edition) { redis in
                try await TemporaryDirectory.with { folder in
                    let arguments = [
                        "--redis", redis.url, "--core-hub", setting.hub.type, "--channel-prefix", setting.hub.prefix,
                        "--core-connections", "--record", folder + "/capture",
                    ]
                    let count = setting.payloads.count * times
                    try await RelayProcess.with(arguments) { relay in
                        try await Self.publish(setting.payloads, times: times, to: redis)
                        try await relay.waitForMetric("backplane_relay_recorded_envelopes_total", atLeast: count)
                        let dropped = #"backplane_relay_dropped_envelopes_total{reason="buffer_full"}"#
                        #expect(try await relay.metric(dropped) == 0)
                        #expect(try await relay.stop() == .code(0), "\(relay.child.errors)")
                    }
                    let records = try Self.read(folder + "/capture").records
                    let expected = Array(repeating: setting.payloads.map(\.record), count: times).flatMap { $0 }
                    #expect(records.count == 1 && records[setting.hub.topic] == expected)
                    let verify = try await Finished.relay(["verify", folder + "/capture"])
                    #expect(verify.exit == .code(0), "\(verify.output) \(verify.errors)")
                }
            }
        }
    }

    /// Nodes conclude from the reply to PUBLISH whether a connection exists.
    @Test("the reply to PUBLISH for a connection is unchanged, unless connections are watched")
    func answers() async throws {
        let setting = try #require(try CoreVectors.all().first)
        try await RedisServer.with { redis in
            func answers() async throws -> [CoreKind: Set<Int64>] {
                var answers: [CoreKind: Set<Int64>] = [:]
                for vector in setting.payloads {
                    let answer = try await redis.command(["PUBLISH", .bytes(vector.channel), .bytes(vector.payload)])
                    answers[vector.kind, default: []].insert(try #require(answer.integer))
                }
                return answers
            }
            let alone = try await answers()
            #expect(alone[.connection] == [0] && alone.count == CoreKind.allCases.count)
            let arguments = [
                "--redis", redis.url, "--core-hub", setting.hub.type, "--channel-prefix", setting.hub.prefix,
            ]
            try await RelayProcess.with(arguments) { _ in
                let watched = try await answers()
                #expect(watched[.connection] == [0])
                #expect(watched.filter { $0.key != .connection }.values.allSatisfy { $0 == [1] }, "\(watched)")
            }
            try await RelayProcess.with(arguments + ["--core-connections"]) { _ in
                let everything = try await answers()
                #expect(everything[.connection] == [1])
            }
        }
    }

    @Test("both backplanes on one Redis, two applications each: nothing is mixed")
    func bothBackplanes() async throws {
        let settings = try CoreVectors.all()
        let (chat, game) = (
            CoreHub(prefix: "orc", type: "OracleHub"), CoreHub(prefix: "orc", type: "Game.Hubs.GameHub")
        )
        let payloads = settings[0].payloads.filter { $0.kind != .connection }
        let others = payloads.map { $0.on(game.root + $0.channel.dropFirst(chat.root.count)) }
        try await RedisServer.with { redis in
            try await TemporaryDirectory.with { folder in
                // A third hub that is not selected.
                let left = CoreHub(prefix: "orc", type: "Blazor.ComponentHub")
                try await Self.withNodes(of: [chat, game, left], on: redis) {
                    let arguments = [
                        "--redis", redis.url, "--channel", "a", "--channel", "b", "--core", "--channel-prefix", "orc",
                        "--core-exclude", left.type, "--record", folder + "/capture",
                    ]
                    try await RelayProcess.with(arguments) { relay in
                        for vector in payloads + others {
                            for key in ["a", "b"] {
                                let id = try await redis.command(["INCR", .text(key)]).integer ?? 0
                                let message = Message(
                                    source: key, key: "h-\(key)", value: Array(#"{"H":"x","M":"y","A":[]}"#.utf8))
                                let body = ScaleoutMessage(messages: [message], createdTicks: 639_309_800_000_000_000)
                                let payload = Envelope(id: UInt64(id), body: body).encoded()
                                try await redis.command(["PUBLISH", .text(key), .bytes(payload)])
                            }
                            try await redis.command(["PUBLISH", .bytes(vector.channel), .bytes(vector.payload)])
                        }
                        try await redis.command(["PUBLISH", .bytes(left.channel(.all, [])), "x"])
                        try await relay.waitForMetric(
                            "backplane_relay_recorded_envelopes_total", atLeast: payloads.count * 6)
                        let metrics = try await relay.metrics()
                        for (name, backplane, count) in [
                            ("a", "signalr2", payloads.count * 2), ("b", "signalr2", payloads.count * 2),
                            (chat.topic, "core", payloads.count), (game.topic, "core", payloads.count),
                        ] {
                            let labels = #"{channel="\#(name)",backplane="\#(backplane)"}"#
                            #expect(metrics["signalr_backplane_envelopes_total" + labels] == Double(count), "\(name)")
                        }
                        #expect(metrics.keys.allSatisfy { !$0.contains(left.type) })
                        #expect(try await relay.stop() == .code(0), "\(relay.child.errors)")
                    }
                }
                let (records, _) = try Self.read(folder + "/capture")
                #expect(Set(records.keys) == ["a", "b", chat.topic, game.topic])
                #expect(records[chat.topic] == payloads.map(\.record))
                #expect(records[game.topic] == others.map(\.record))
                for key in ["a", "b"] {
                    let ids = try #require(records[key]).map { payload in
                        payload.withUnsafeBytes { try? EnvelopeID.parse($0).id }
                    }
                    #expect(ids == (1...UInt64(payloads.count * 2)).map { $0 })
                }
            }
        }
    }

    @Test("a hub that appears later is watched, recorded, and resubscribed after a lost connection")
    func hubThatComes() async throws {
        let setting = try #require(try CoreVectors.all().first)
        let payloads = setting.payloads.filter { $0.kind != .connection }
        try await RedisServer.with { redis in
            try await TemporaryDirectory.with { folder in
                let arguments = [
                    "--redis", redis.url, "--core", "--channel-prefix", setting.hub.prefix, "--record",
                    folder + "/capture",
                ]
                let up = #"signalr_backplane_up{channel="\#(setting.hub.topic)",backplane="core"}"#
                try await RelayProcess.with(arguments) { relay in
                    #expect(try await relay.metrics()[up] == nil)
                    try await Self.withNodes(of: [setting.hub], on: redis) {
                        try await relay.waitForMetrics("the hub is watched") { $0[up] == 1 }
                        try await Self.publish(payloads, times: 3, to: redis)
                        try await relay.waitForMetric(
                            "backplane_relay_recorded_envelopes_total", atLeast: payloads.count * 3)
                        try await redis.command(["CLIENT", "KILL", "TYPE", "pubsub"])
                        try await relay.waitForMetrics("the relay subscribes again") {
                            $0["backplane_relay_reconnects_total"] == 1 && $0[up] == 1
                        }
                        try await Self.publish(payloads, times: 2, to: redis)
                        try await relay.waitForMetric(
                            "backplane_relay_recorded_envelopes_total", atLeast: payloads.count * 5)
                    }
                    #expect(try await relay.stop() == .code(0), "\(relay.child.errors)")
                }
                let (records, events) = try Self.read(folder + "/capture")
                let expected = Array(repeating: payloads.map(\.record), count: 5).flatMap { $0 }
                #expect(records == [setting.hub.topic: expected])
                #expect(events.count { $0 == "attached" } == 1 && events.count { $0 == "subscribed" } == 2, "\(events)")
                let info = try await Finished.relay(["info", folder + "/capture"])
                #expect(info.output.contains("completeness is unknown"), "\(info.output)")
            }
        }
    }

    @Test("without permission for a hub's channels it names the missing rule")
    func rights() async throws {
        try await RedisServer.with { redis in
            try await redis.command([
                "ACL", "SETUSER", "relay", "on", ">secret", "resetchannels", "&Chat*", "+@all", "~*",
            ])
            try await TemporaryDirectory.with { folder in
                let password = folder + "/password"
                try "secret".write(toFile: password, atomically: true, encoding: .utf8)
                let finished = try await Finished.relay([
                    "run", "--redis", redis.url.replacing("redis://", with: "redis://relay@"), "--redis-password-file",
                    password, "--core-hub", "Chat", "--listen", "127.0.0.1:0",
                ])
                #expect(finished.exit == .code(1))
                // Redis compares a pattern with the rule literally.
                #expect(finished.errors.contains("&Chat:group:*"), "\(finished.errors)")
            }
        }
    }
}
