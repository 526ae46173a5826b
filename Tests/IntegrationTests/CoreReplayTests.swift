import Backplane
import Foundation
import Redis
import TestSupport
import Testing

/// Captures of ASP.NET Core, replayed into another Redis, received by an independent subscriber.
@Suite("Replay of ASP.NET Core", .serialized, .needs(.redisServer, .python))
struct CoreReplayTests {
    private typealias Heard = EverythingHeard.Message

    private static let published: Set<CoreKind> = [.all, .group, .user]

    private func withMixed(
        runID: String? = nil, _ body: (_ directory: String, _ items: [CoreCaptures.Item]) async throws -> Void
    ) async throws {
        try await TemporaryDirectory.with { folder in
            let items = try CoreCaptures.mixed()
            try CoreCaptures.record(items, into: folder + "/capture", runID: runID)
            try await body(folder + "/capture", items)
        }
    }

    private static func core(_ items: [CoreCaptures.Item]) -> [Heard] {
        items.compactMap { item in
            guard case .core(_, let channel, let payload) = item else { return nil }
            return Heard(channel: channel, payload: payload)
        }
    }

    private static func object(_ finished: Finished) throws -> [String: Any] {
        try #require(try JSONSerialization.jsonObject(with: Data(finished.output.utf8)) as? [String: Any])
    }

    @Test("every payload of both backplanes arrives byte for byte, in order", arguments: RedisEdition.allCases)
    func roundTrip(edition: RedisEdition) async throws {
        guard edition.path != nil else { return }
        try await withMixed { directory, items in
            for tracked in [false, true] {
                try await RedisServer.with(edition: edition) { target in
                    try await EverythingHeard.with(target) { heard in
                        let replay = try await Finished.relay(
                            ["replay", directory, "--to", target.url, "--speed", "max", "--yes", "--include", "all"]
                                + (tracked ? ["--retry"] : []))
                        #expect(replay.exit == .code(0), "\(replay.errors)")
                        #expect(replay.output.contains(#/sent +294 envelopes/#), "\(replay.output)")
                        #expect(replay.output.contains(#/ids given +1\.\.147/#), "\(replay.output)")
                        #expect(replay.output.contains(#/receivers +min 1, median 1, max 1/#), "\(replay.output)")
                        let messages = try await heard.messages(count: 294)
                        // Both in one order: an envelope of SignalR 2 after each of ASP.NET Core.
                        let chat = Array("chat".utf8)
                        #expect(messages.enumerated().allSatisfy { ($0 % 2 == 1) == ($1.channel == chat) })
                        #expect(messages.filter { $0.channel != chat } == Self.core(items))
                    }
                }
            }
        }
    }

    @Test("payloads without meaning at another Redis are left out, named and counted before and after")
    func leftOut() async throws {
        try await withMixed { directory, items in
            try await RedisServer.with { target in
                let command = ["replay", directory, "--to", target.url, "--speed", "max", "--channel", "orcOracleHub"]
                let dry = try await Finished.relay(command + ["--dry-run"])
                #expect(dry.exit == .code(0), "\(dry.errors)")
                #expect(
                    dry.output.contains(
                        #/hub +orcOracleHub -> orcOracleHub: \d+ envelopes, no ids \(ASP.NET Core\); 0 subscribers/#),
                    "\(dry.output)")
                let forecast = try Self.object(try await Finished.relay(command + ["--dry-run", "--json"]))
                try await EverythingHeard.with(target) { heard in
                    let replay = try await Finished.relay(command + ["--json"])
                    #expect(replay.exit == .code(0), "\(replay.errors)")
                    let report = try Self.object(replay)
                    let left = try #require(report["left_out"] as? [String: Int])
                    #expect(forecast["left_out"] as? [String: Int] == left)
                    #expect(Set(left.keys) == ["connection", "group_command", "ack", "result", "client_result"])
                    #expect(report["first_id"] == nil && report["skipped"] as? Int == 0)
                    let vectors = try CoreVectors.all()[0].payloads
                    let wanted = vectors.filter { Self.published.contains($0.kind) }
                    #expect(left.values.reduce(0, +) == vectors.count - wanted.count)
                    #expect(report["sent"] as? Int == wanted.count)
                    let messages = try await heard.messages(count: wanted.count)
                    #expect(messages == wanted.map { Heard(channel: $0.channel, payload: $0.payload) })
                }
                let channels = try #require(forecast["channels"] as? [[String: Any]])
                #expect(channels.count == 1 && channels[0]["backplane"] as? String == "core")
                #expect(channels[0]["first_id"] == nil && channels[0]["counter"] == nil)
                let acks = try await Finished.relay(command + ["--kind", "ack"])
                #expect(acks.exit == .code(1) && acks.errors.contains("--include"), "\(acks.errors)")
            }
        }
    }

    @Test("mapped prefix, hub, group and user")
    func maps() async throws {
        try await withMixed { directory, _ in
            try await RedisServer.with { target in
                try await EverythingHeard.with(target) { heard in
                    let hub = CoreHub(prefix: "staging:", type: "Chat.Hubs.Other`1[[System.Int32, X, Version=9.0.0.0]]")
                    let command = [
                        "replay", directory, "--to", target.url, "--speed", "max", "--channel", "orcOracleHub",
                        "--map-prefix", "orc=staging:", "--map-hub", "oraclehub=\(hub.type)", "--map-group",
                        "g1=team=1", "--map-user", "alice=bob",
                    ]
                    let replay = try await Finished.relay(command)
                    #expect(replay.exit == .code(0), "\(replay.errors)")
                    let wanted = try CoreVectors.all()[0].payloads.filter { Self.published.contains($0.kind) }
                        .map { vector in
                            let name = vector.channel.withUnsafeBytes {
                                CoreChannelName($0, rootCount: "orcOracleHub".utf8.count)?.nameText ?? ""
                            }
                            let other = ["g1": "team=1", "alice": "bob"][name] ?? name
                            return Heard(
                                channel: hub.channel(vector.kind, Array(other.utf8)), payload: vector.payload)
                        }
                    #expect(try await heard.messages(count: wanted.count) == wanted)
                }
                for (option, text) in [
                    (["--map-prefix", "orx=a"], "no prefix 'orx' in the selection"),
                    (["--map-hub", "Oracle=a"], "no hub 'Oracle' in the selection; it has 'OracleHub'"),
                    (["--map-user", "carol=a"], "no user 'carol' in the selection"),
                    (["--map-group", "G1=a"], "no group 'G1' in the selection"),
                    (["--to-channel", "x"], "no event keys"),
                ] {
                    let refused = try await Finished.relay(
                        ["replay", directory, "--to", target.url, "--channel", "orcOracleHub"] + option)
                    #expect(refused.exit == .code(1) && refused.errors.contains(text), "\(refused.errors)")
                }
            }
        }
    }

    @Test("the recorded server is refused for the recorded prefix and hub; with subscribers it requires confirmation")
    func guards() async throws {
        try await RedisServer.with { target in
            let info = try await target.withClient { try await $0.serverInfo() }
            try await withMixed(runID: info.runID) { directory, _ in
                let command = ["replay", directory, "--to", target.url, "--speed", "max", "--channel", "OracleHub"]
                let refused = try await Finished.relay(command + ["--yes"])
                #expect(refused.exit == .code(1) && refused.errors.contains("--map-prefix"), "\(refused.errors)")
                let twin = try await Finished.relay(
                    ["replay", directory, "--to", target.url, "--channel", "OracleHub", "--channel", "orcOracleHub"]
                        + ["--map-prefix", "=orc", "--map-prefix", "orc=x", "--yes"])
                #expect(twin.exit == .code(1), "the target is a recorded hub: \(twin.errors)")
                try await EverythingHeard.with(target) { heard in
                    let free = try await Finished.relay(command + ["--map-prefix", "=shadow"])
                    #expect(free.exit == .code(0), "\(free.errors)")
                    #expect(heard.messages.allSatisfy { $0.channel.starts(with: Array("shadowOracleHub:".utf8)) })
                }
                try await target.withClient { client in
                    _ = try await client.send(["PUBSUB", "CHANNELS"])
                }
                try await TemporaryDirectory.with { folder in
                    // A node, recognized by its subscriptions.
                    let node = try await ChildProcess.start(
                        Tool.redisCLI.requiredPath(),
                        ["-p", "\(target.port)", "SUBSCRIBE", "shadowOracleHub:all"], folder: folder)
                    try await eventually("it listens") { node.output.contains("shadowOracleHub") ? true : nil }
                    let unasked = try await Finished.relay(command + ["--map-prefix", "=shadow"])
                    #expect(unasked.exit == .code(1) && unasked.errors.contains("--yes"), "\(unasked.errors)")
                    await node.terminate()
                }
            }
        }
    }

    @Test("a cluster and a replica are refused", arguments: RedisEdition.allCases)
    func clusters(edition: RedisEdition) async throws {
        guard edition.path != nil else { return }
        try await withMixed { directory, _ in
            let arguments = ["replay", directory, "--channel", "OracleHub", "--to"]
            try await RedisServer.withCluster(edition: edition) { target in
                let replay = try await Finished.relay(arguments + [target.url])
                #expect(replay.exit == .code(1) && replay.errors.contains("cluster"), "\(replay.errors)")
            }
            try await RedisServer.with(edition: edition) { target in
                try await target.command(["REPLICAOF", "127.0.0.1", "1"])
                let replay = try await Finished.relay(arguments + [target.url])
                #expect(replay.exit == .code(1) && replay.errors.contains("replica"), "\(replay.errors)")
            }
        }
    }

    @Test("a user without permission for the channels gets the line that grants it; PUBLISH alone suffices to replay")
    func rights() async throws {
        try await withMixed { directory, _ in
            try await RedisServer.with { target in
                for (name, rules) in [("weak", "resetchannels"), ("able", "resetchannels &OracleHub:*")] {
                    try await target.command(
                        [.text("ACL"), "SETUSER", .text(name), "on", ">secret", "resetkeys", "-@all"]
                            + ["+publish", "+info", "+pubsub", "+hello", "+auth", "+client", "+ping", "+quit"]
                            + rules.split(separator: " ").map { .text(String($0)) })
                }
                func replay(_ user: String) async throws -> Finished {
                    try await Finished.relay([
                        "replay", directory, "--to", "redis://\(user):secret@127.0.0.1:\(target.port)", "--speed",
                        "max",
                        "--channel", "OracleHub",
                    ])
                }
                let refused = try await replay("weak")
                #expect(refused.exit == .code(1), "\(refused.errors)")
                #expect(refused.errors.contains("ACL SETUSER weak &OracleHub:*"), "\(refused.errors)")
                let able = try await replay("able")
                #expect(able.exit == .code(0), "\(able.errors)")
            }
        }
    }

    @Test(
        "kill -9 at random moments: with the checkpoint each envelope comes once, in order",
        arguments: RedisEdition.allCases)
    func killed(edition: RedisEdition) async throws {
        guard edition.path != nil else { return }
        var random = SplitMix64.announced()
        let hub = CoreHub(prefix: "p:", type: "Chat.ChatHub")
        let items = (1...3_000).map { number -> CoreCaptures.Item in
            number % 3 == 0
                ? .signalR2(CoreCaptures.signalR2(UInt64(number / 3)))
                : .core(
                    hub, channel: hub.channel(.group, Array("g\(number % 7)".utf8)),
                    payload: CoreCaptures.call("[\(number)]"))
        }
        try await TemporaryDirectory.with { folder in
            try CoreCaptures.record(items, into: folder + "/capture")
            try await RedisServer.with(edition: edition) { target in
                try await EverythingHeard.with(target) { heard in
                    let command = [
                        "replay", folder + "/capture", "--to", target.url, "--yes", "--rate", "3000", "--checkpoint",
                        folder + "/checkpoint",
                    ]
                    var kills = 0
                    while true {
                        let replay = try await ChildProcess.start(RelayProcess.path(), command, folder: folder)
                        let life = kills == 6 ? 30_000 : Int.random(in: 200...600, using: &random)
                        if let exit = try? await replay.exit(within: .milliseconds(life)) {
                            #expect(exit == .code(0) || replay.errors.contains("is finished"), "\(replay.errors)")
                            break
                        }
                        replay.signal(SIGKILL)
                        _ = try await replay.exit()
                        kills += 1
                    }
                    let messages = try await heard.messages(count: items.count)
                    #expect(messages.count == items.count)
                    let core = Array("chat".utf8)
                    #expect(messages.filter { $0.channel != core } == Self.core(items))
                    #expect(try await target.command(["GET", "chat"]).text == "1000")
                    print("killed \(kills) times")
                }
            }
        }
    }

    @Test("--protocols: each envelope gets the frames that the target's clients need, or is refused and counted")
    func protocols() async throws {
        try await withMixed { directory, _ in
            try await RedisServer.with { target in
                let command = [
                    "replay", directory, "--to", target.url, "--speed", "max", "--channel", "OracleHub", "--protocols",
                    "json,messagepack", "--json",
                ]
                for untyped in [false, true] {
                    try await EverythingHeard.with(target) { heard in
                        let replay = try await Finished.relay(command + (untyped ? ["--allow-untyped"] : []))
                        let report = try Self.object(replay)
                        let refused = try #require(report["refused"] as? [String: Int])
                        #expect(refused.isEmpty == untyped, "\(refused)")
                        #expect(replay.exit == .code(untyped ? 0 : 3), "\(replay.errors)")
                        let sent = try #require(report["sent"] as? Int)
                        let wanted = try CoreVectors.all()[1].payloads.filter { Self.published.contains($0.kind) }
                        #expect(sent + refused.values.reduce(0, +) == wanted.count && sent > 0)
                        let messages = try await heard.messages(count: sent)
                        for message in messages {
                            try message.payload.withUnsafeBytes { bytes in
                                let view = try CoreInvocationView(bytes)
                                #expect(Set(view.protocols) == ["json", "messagepack"])
                                if !untyped { #expect(try view.agreement() == .same) }
                                let json = view.json.map { Array(bytes[$0]) }
                                #expect(
                                    wanted.contains { vector in
                                        vector.payload.withUnsafeBytes { captured in
                                            (try? CoreInvocationView(captured))?.json.map { Array(captured[$0]) }
                                                == json
                                        }
                                    }, "the captured frame must not change")
                            }
                        }
                    }
                }
            }
        }
    }

    @Test("the forecast warns where an envelope lacks a protocol that others carry")
    func lackingProtocol() async throws {
        let hub = CoreHub(type: "ChatHub")
        let both = try CoreVectors.all()[0].payloads[0].payload
        let items: [CoreCaptures.Item] = [
            .core(hub, channel: hub.channel(.all, []), payload: both),
            .core(hub, channel: hub.channel(.all, []), payload: CoreCaptures.call("[1]")),
        ]
        try await TemporaryDirectory.with { folder in
            try CoreCaptures.record(items, into: folder + "/capture")
            try await RedisServer.with { target in
                let command = ["replay", folder + "/capture", "--to", target.url, "--dry-run"]
                let dry = try await Finished.relay(command)
                #expect(
                    dry.errors.contains(
                        "1 envelope of 'ChatHub' lacks a frame of messagepack, which other envelopes contain"),
                    "\(dry.errors)")
                let mended = try await Finished.relay(command + ["--protocols", "json,messagepack"])
                #expect(!mended.errors.contains("lacks"), "\(mended.errors)")
            }
        }
    }
}
