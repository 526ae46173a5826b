import Foundation
import Redis
import TestSupport
import Testing

/// `run --check-only` against real servers.
@Suite("Pre-flight", .needs(.redisServer))
struct PreflightTests {
    private static func check(_ redis: RedisServer, _ arguments: [String] = [], login: String = "") async throws
        -> Finished
    {
        try await Finished.relay(
            ["run", "--check-only", "--redis", "127.0.0.1:\(redis.port)" + login, "--channel", "chat"]
                + (arguments.contains("--listen") ? [] : ["--listen", "127.0.0.1:0"]) + arguments)
    }

    @Test("a backplane in use: everything is shown, nothing is changed")
    func healthy() async throws {
        try await RedisServer.with { redis in
            try await TemporaryDirectory.with { folder in
                try await redis.withClient { client in
                    _ = try await NodePublisher(client, channel: "chat").publish(7)
                    _ = try await client.send(["CONFIG", "SET", "save", "3600 1"])
                }
                try await Self.withNode(redis, channel: "chat") {
                    let check = try await Self.check(redis, ["--record", folder + "/capture"])
                    #expect(check.exit == .code(0), "\(check.output)\(check.errors)")
                    for part in [
                        "redis         127.0.0.1:\(redis.port), a PING takes", "server        Redis ",
                        "user          default",
                        "persistence   no AOF, RDB (3600 1)", "memory        no limit",
                        "pubsub limit  hard 32.0 MiB, soft 8.0 MiB for 60 s",
                        "channel       chat: 1 subscriber (0 relays, 1 other), counter 7 in database 0, SUBSCRIBE permitted",
                        "record        \(folder)/capture (will be created), ", "OK            the relay can attach",
                    ] { #expect(check.output.contains(part), "\(part) in:\n\(check.output)") }
                    // A busy machine may be slow: a warning is allowed only if the shown figure confirms it.
                    let roundTrip = Self.figure(#/a PING takes ([\d.]+) ms/#, in: check) ?? 0
                    let disk = Self.figure(#/ free, takes ([\d.]+) MB\/s/#, in: check) ?? .infinity
                    let warnings = check.output.split(separator: "\n").filter { line in
                        line.hasPrefix("warning") && !(roundTrip >= 50 && line.contains("a PING took "))
                            && !(disk <= 20 && line.contains("can be written at only "))
                    }
                    #expect(warnings == [], "\(check.output)")
                }
                #expect(!FileManager.default.fileExists(atPath: folder + "/capture"))
                #expect(try FileManager.default.contentsOfDirectory(atPath: folder) == [])
            }
        }
    }

    /// A subscriber that looks like a node of an application.
    private static func withNode(_ redis: RedisServer, channel: String, _ body: () async throws -> Void) async throws {
        try await redis.withClient { node in
            try await node.send(["CLIENT", "SETNAME", "WEB1(SE.Redis-v2.8.0)"])
            try await node.send(["SUBSCRIBE", .text(channel)])
            try await body()
        }
    }

    @Test(
        "a relay or a tail is not a node: with a wrong channelPrefix there are no nodes",
        arguments: RedisEdition.allCases)
    func relayIsNoNode(edition: RedisEdition) async throws {
        guard edition.path != nil else { return }
        try await RedisServer.with(edition: edition) { redis in
            // Like in the nodes' string, including the name.
            let address = "127.0.0.1:\(redis.port),name=WEB1"
            try await RelayProcess.with(["--redis", address, "--channel", "chat"]) { _ in
                let alone = try await Self.check(redis)
                #expect(alone.output.contains("chat: 1 subscriber (1 relay, 0 others)"), "\(alone.output)")
                #expect(
                    alone.output.contains(
                        "warning       channel 'chat' has 1 subscriber, a relay; no node listens there: is the event key"
                    ),
                    "\(alone.output)")
                try await Self.withNode(redis, channel: "prefix:chat") {
                    let deaf = try await Self.check(redis)
                    #expect(deaf.output.contains("has 1 subscriber, which may be a relay"), "\(deaf.output)")
                    #expect(deaf.output.contains("of all channels of this server: 1 relay, 1 other"), "\(deaf.output)")
                }
                try await Self.withNode(redis, channel: "chat") {
                    let heard = try await Self.check(redis)
                    #expect(heard.output.contains("chat: 2 subscribers (1 relay, 1 other)"), "\(heard.output)")
                    #expect(!heard.output.contains("no node listens"), "\(heard.output)")
                }
            }
        }
    }

    @Test("a cluster is no problem; one that is down or not readable is reported", arguments: RedisEdition.allCases)
    func cluster(edition: RedisEdition) async throws {
        guard edition.path != nil else { return }
        // One node without slots.
        try await RedisServer.withCluster(edition: edition) { redis in
            let check = try await Self.check(redis)
            #expect(check.exit == .code(0), "\(check.output)")
            let isKnown = edition != .redis6
            for part in [
                "cluster       1 node" + (isKnown ? " (1 master), state fail" : ", state fail"),
                isKnown ? "asked         1 node:" : "asked         only this node:",
                "warning       this node reports cluster_state:fail",
                isKnown ? "chat: 0 subscribers" : "chat: subscribers unknown",
            ] { #expect(check.output.contains(part), "\(part) in:\n\(check.output)") }
            #expect(check.output.contains("CLUSTER SHARDS is refused") == !isKnown)
        }
    }

    @Test("the server is called by its own name and version")
    func titles() async throws {
        for (edition, title) in [(RedisEdition.redis6, "Redis 6.2."), (.redis7, "Redis 7.0."), (.valkey9, "Valkey 9.")]
        where edition.path != nil {
            try await RedisServer.with(edition: edition) { redis in
                let check = try await Self.check(redis)
                #expect(check.output.contains("server        \(title)"), "\(check.output)")
                #expect(check.output.contains(", standalone, master, run_id"), "\(check.output)")
            }
        }
    }

    @Test("everything that would fail in run, reported at once")
    func everythingAtOnce() async throws {
        try await RedisServer.with { occupied in
            try await TemporaryDirectory.with { folder in
                try Data("short".utf8).write(to: URL(filePath: folder + "/token"))
                let check = try await Finished.relay([
                    "run", "--check-only", "--redis", "redis://127.0.0.1:\(try FreePort.find())", "--channel", "chat",
                    "--forward", "redis://127.0.0.1:\(try FreePort.find())", "--listen", "127.0.0.1:\(occupied.port)",
                    "--web-token-file", folder + "/token", "--tls-cert", folder + "/none", "--tls-key",
                    folder + "/none",
                    "--record", "/etc/hostname/capture",
                ])
                #expect(check.exit == .code(1))
                for part in [
                    "refused the connection: is it running, and is this its port?", "--forward: Redis at 127.0.0.1:",
                    "--listen: 127.0.0.1:\(occupied.port) is in use by another process",
                    "--web-token-file: '\(folder)/token'",
                    "--tls-cert, --tls-key: '\(folder)/none'", "nothing can be recorded", "6 problems",
                ] { #expect(check.output.contains(part), "\(part) in:\n\(check.output)\(check.errors)") }
            }
        }
    }

    @Test("the forward target is checked: a replica, a cluster, a wrong password, the watched channel itself")
    func forward() async throws {
        try await RedisServer.with { source in
            func check(_ target: String, _ more: [String] = []) async throws -> Finished {
                try await Self.check(source, ["--listen", "127.0.0.1:0", "--forward", target] + more)
            }
            let same = try await check("redis://localhost:\(source.port)")
            #expect(same.exit == .code(1))
            #expect(same.output.contains("is the watched server itself"), "\(same.output)")
            let other = try await check("redis://localhost:\(source.port)", ["--forward-channel", "other"])
            #expect(other.exit == .code(0), "\(other.output)")
            #expect(other.output.contains("forward       localhost:\(source.port), Redis 7."), "\(other.output)")
            try await RedisServer.with(["--replicaof", "127.0.0.1 \(source.port)"]) { replica in
                let check = try await check(replica.url)
                #expect(check.exit == .code(1))
                #expect(
                    check.output.contains("--forward: Redis at 127.0.0.1:\(replica.port) is a replica"),
                    "\(check.output)")
            }
            try await RedisServer.with(["--requirepass", "x"]) { locked in
                let check = try await check(locked.url)
                #expect(check.exit == .code(1))
                #expect(check.output.contains("requires a password (NOAUTH)"), "\(check.output)")
            }
            for edition in RedisEdition.allCases where edition.path != nil {
                try await RedisServer.withCluster(edition: edition) { cluster in
                    let check = try await check(cluster.url)
                    #expect(check.exit == .code(1))
                    #expect(
                        check.output.contains("--forward: Redis at 127.0.0.1:\(cluster.port) runs in cluster mode"),
                        "\(check.output)")
                }
            }
        }
    }

    private static func figure(_ shown: Regex<(Substring, Substring)>, in check: Finished) -> Double? {
        check.output.firstMatch(of: shown).flatMap { Double($0.1) }
    }

    @Test("minimum permissions: what is not permitted is skipped, and recording works")
    func leastRights() async throws {
        try await RedisServer.with { redis in
            try await redis.withClient { client in
                _ = try await client.send([
                    "ACL", "SETUSER", "relay", "on", ">secret", "resetchannels", "&chat", "-@all", "+subscribe",
                    "+ping",
                ])
            }
            let login = ",user=relay,password=secret"
            let check = try await Self.check(redis, login: login)
            #expect(check.exit == .code(0), "\(check.output)\(check.errors)")
            #expect(check.output.contains("chat: subscribers unknown, counter unknown, SUBSCRIBE permitted"))
            let refused = check.output.matches(of: #/\nnot permitted (.+?) \(not needed to record\); lost: /#).map {
                $0.1
            }
            #expect(
                refused == [
                    "INFO", "ACL WHOAMI", "CONFIG GET", "TIME", "PUBSUB NUMSUB", "GET", "CLIENT LIST", "CLIENT SETNAME",
                    "CLIENT ID", "ROLE", "PUBSUB CHANNELS",
                ], "\(check.output)")

            try await TemporaryDirectory.with { folder in
                let arguments = [
                    "--redis", "127.0.0.1:\(redis.port)" + login, "--channel", "chat", "--record", folder + "/capture",
                ]
                try await RelayProcess.with(arguments) { relay in
                    try await redis.withClient { client in
                        _ = try await NodePublisher(client, channel: "chat").publish(50)
                    }
                    try await relay.waitForMetric("backplane_relay_recorded_envelopes_total", atLeast: 50)
                    let metrics = try #require(await HTTPAnswer.get(port: relay.port, "/metrics")).body
                    #expect(!metrics.contains("signalr_backplane_subscribers{"), "an unknown value is not shown")
                }
            }
        }
    }

    @Test("an impossible configuration is a problem, with exit 1")
    func problems() async throws {
        try await RedisServer.with { redis in
            try await redis.withClient { client in
                _ = try await client.send(["RPUSH", "chat", "a"])
                _ = try await client.send([
                    "ACL", "SETUSER", "relay", "on", ">secret", "resetchannels", "allkeys", "+@all",
                ])
            }
            let check = try await Self.check(
                redis, ["--record", "/etc/hostname/capture"], login: ",user=relay,password=secret")
            #expect(check.exit == .code(1))
            #expect(check.output.contains("problem       channel 'chat' cannot be subscribed to"), "\(check.output)")
            #expect(check.output.contains("problem       nothing can be recorded"), "\(check.output)")
            #expect(check.output.contains("warning       the key 'chat' holds a value that is not a string"))
            #expect(check.output.contains("NOT OK        the relay cannot run as configured: 2 problems"))
        }
    }

    @Test("a running relay logs its warnings, and shows the subscribers")
    func whileRunning() async throws {
        try await RedisServer.with(["--maxmemory", "1gb", "--maxmemory-policy", "allkeys-lru"]) { redis in
            try await redis.withClient { client in
                _ = try await NodePublisher(client, channel: "chat").publish(12)
            }
            try await RelayProcess.with(["--redis", redis.url, "--channel", "chat"]) { relay in
                let listeners = #"signalr_backplane_subscribers{channel="chat",backplane="signalr2"}"#
                try await eventually("NUMSUB is shown") {
                    try await HTTPAnswer.get(port: relay.port, "/metrics")?.body.contains(listeners + " 1\n") == true
                        ? true : nil
                }
                // Queried after it was logged.
                for (series, value) in [
                    (#"signalr_backplane_issued_id{channel="chat",backplane="signalr2"}"#, 12.0),
                    ("backplane_relay_redis_output_buffer_limit_bytes", 33_554_432),
                    ("backplane_relay_redis_output_buffer_bytes", 0),
                ] {
                    try await eventually("\(series) is \(value)") {
                        try await relay.metrics()[series] == value ? true : nil
                    }
                }
                try await eventually("the pre-flight is done") {
                    relay.child.errors.contains("maxmemory-policy is allkeys-lru") ? true : nil
                }
                let names = try await redis.withClient { try await $0.send(["CLIENT", "LIST"]).text ?? "" }
                #expect(names.contains("name=backplane-relay ") && names.contains("name=backplane-relay-watch "))
            }
        }
    }
}
