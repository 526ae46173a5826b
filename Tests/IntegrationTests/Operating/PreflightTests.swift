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
            ["run", "--check-only", "--redis", "127.0.0.1:\(redis.port)" + login, "--channel", "chat"] + arguments)
    }

    @Test("a backplane in use: everything is shown, nothing is changed")
    func healthy() async throws {
        try await RedisServer.with { redis in
            try await TemporaryDirectory.with { folder in
                try await redis.withClient { client in
                    _ = try await NodePublisher(client, channel: "chat").publish(7)
                    _ = try await client.send(["CONFIG", "SET", "save", "3600 1"])
                }
                try await RelayProcess.with(["--redis", redis.url, "--channel", "chat"]) { _ in
                    let check = try await Self.check(redis, ["--record", folder + "/capture"])
                    #expect(check.exit == .code(0), "\(check.output)\(check.errors)")
                    for part in [
                        "redis         127.0.0.1:\(redis.port), a PING takes", "server        Redis ",
                        "user          default",
                        "persistence   no AOF, RDB (3600 1)", "memory        no limit",
                        "pubsub limit  hard 32.0 MiB, soft 8.0 MiB for 60 s",
                        "channel       chat: 1 subscribers, counter 7 in database 0, SUBSCRIBE permitted",
                        "record        \(folder)/capture (will be made), ", "OK            the relay can attach",
                    ] { #expect(check.output.contains(part), "\(part) in:\n\(check.output)") }
                    // A busy machine may be slow: only where the figure shown says so may it be warned of.
                    let roundTrip = Self.figure(#/a PING takes ([\d.]+) ms/#, in: check) ?? 0
                    let disk = Self.figure(#/ free, takes ([\d.]+) MB\/s/#, in: check) ?? .infinity
                    let warnings = check.output.split(separator: "\n").filter { line in
                        line.hasPrefix("warning") && !(roundTrip >= 50 && line.contains("a PING took "))
                            && !(disk <= 20 && line.contains("takes only "))
                    }
                    #expect(warnings == [], "\(check.output)")
                }
                #expect(!FileManager.default.fileExists(atPath: folder + "/capture"))
                #expect(try FileManager.default.contentsOfDirectory(atPath: folder) == [])
            }
        }
    }

    private static func figure(_ shown: Regex<(Substring, Substring)>, in check: Finished) -> Double? {
        check.output.firstMatch(of: shown).flatMap { Double($0.1) }
    }

    @Test("the least rights: what is not permitted is left out, and recording works")
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
            #expect(check.output.contains("not permitted INFO ACL CONFIG TIME PUBSUB GET"))

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
                    #expect(!metrics.contains("signalr_backplane_subscribers{"), "what nobody measured is not shown")
                }
            }
        }
    }

    @Test("what cannot work is a problem, and exit 1")
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
            #expect(check.output.contains("warning       the key 'chat' holds something that is no string"))
            #expect(check.output.contains("NOT OK        the relay cannot do what it is asked for: 2 problems"))
        }
    }

    @Test("a running relay warns of what it found, and shows who listens")
    func whileRunning() async throws {
        try await RedisServer.with(["--maxmemory", "1gb", "--maxmemory-policy", "allkeys-lru"]) { redis in
            try await redis.withClient { client in
                _ = try await NodePublisher(client, channel: "chat").publish(12)
            }
            try await RelayProcess.with(["--redis", redis.url, "--channel", "chat"]) { relay in
                let listeners = #"signalr_backplane_subscribers{channel="chat"}"#
                try await eventually("NUMSUB is shown") {
                    try await HTTPAnswer.get(port: relay.port, "/metrics")?.body.contains(listeners + " 1\n") == true
                        ? true : nil
                }
                // Asked for behind it.
                for (series, value) in [
                    (#"signalr_backplane_issued_id{channel="chat"}"#, 12.0),
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
