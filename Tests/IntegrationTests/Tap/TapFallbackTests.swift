import Backplane
import Capture
import Redis
import TestSupport
import Testing

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// Full syncs that the operator has not allowed, or not yet: the relay subscribes instead.
@Suite("Replication tap and consent", .needs(.redisServer), .timeLimit(.minutes(3)))
struct TapFallbackTests {
    private static let fallsBack = "the relay subscribes instead"
    private static let tooSoon = "needs another full sync"

    private static func subscribers(_ redis: RedisServer) async throws -> [Int64] {
        try await redis.command(["PUBSUB", "NUMSUB", "chat", .bytes(TapTraffic.hub.channel(.all, []))]).array?
            .compactMap(\.integer) ?? []
    }

    private static func info(_ redis: RedisServer, _ name: String) async throws -> String? {
        InfoFields(try await redis.command(["INFO"]).text ?? "")[name]
    }

    @Test("a restarted server needs another full sync at once: the relay subscribes, and says so")
    func linkedThenTooSoon() async throws {
        try await RedisServer.with(["--repl-diskless-sync-delay", "0"]) { redis in
            try await TemporaryDirectory.with { folder in
                var traffic = TapTraffic()
                let arguments = [
                    "--redis", redis.url, "--channel", "chat", "--core-hub", TapTraffic.hub.type, "--record", folder,
                    "--tap",
                ]
                try await RelayProcess.with(arguments) { relay in
                    try await TapTraffic.waitUntilCarrying(relay)
                    #expect(try await relay.metric(#"backplane_relay_tap_syncs_total{kind="full"}"#) == 1)
                    try await redis.withClient { _ = try await traffic.publish(3, $0) }
                    try await traffic.waitUntilReceived(relay)

                    relay.child.signal(SIGSTOP)
                    await redis.stop()
                    try await redis.start()
                    // The counter is restored, as from disk, but the backlog is not.
                    try await redis.command(["SET", "chat", "3"])
                    try await redis.withClient { _ = try await traffic.publish(2, $0) }
                    relay.child.signal(SIGCONT)
                    try await relay.waitForMetrics("it has subscribed", within: .seconds(40)) {
                        $0[TapTraffic.isCarrying] == 0 && $0[TapTraffic.isUp] == 1
                    }
                    #expect(try await Self.subscribers(redis) == [1, 1])
                    try await redis.withClient { _ = try await traffic.publish(2, $0) }
                    try await traffic.waitUntilReceived(relay, missing: 2)
                    #expect(relay.child.errors.contains(Self.fallsBack), "\(relay.child.errors)")
                    #expect(relay.child.errors.contains(Self.tooSoon), "\(relay.child.errors)")
                    #expect(try await Self.info(redis, "sync_full") == "0")
                    #expect(try await relay.stop() == .code(3), "\(relay.child.errors)")
                }
                let recorded = try TapTraffic.Recorded(folder)
                #expect(recorded.keyed == Array(traffic.keyed[..<3] + traffic.keyed[5...]))
                #expect(recorded.hubs == Array(traffic.hubs[..<3] + traffic.hubs[5...]))
                let gaps = recorded.named("gap")
                #expect(gaps.contains(.gap(channel: "chat", from: 4, to: 5, cause: .redisRestart)), "\(gaps)")
                #expect(gaps.contains { $0.channel == nil && $0.cause == "backlog_lost" }, "\(gaps)")
            }
        }
    }

    /// INFO is refused, so the relay does not know the offset. The messages are equal, so it cannot find where the link
    /// would take over: both the link and the subscription stay.
    @Test("a link that begins again remembers the last full sync")
    func linkedAgainTooSoon() async throws {
        try await RedisServer.with(["--repl-diskless-sync-delay", "1000"]) { redis in
            try await redis.command(["ACL", "SETUSER", "relay", "on", ">secret", "~*", "&*", "+@all", "-info"])
            let environment = ["BACKPLANE_RELAY_REDIS": "redis://relay:secret@\(redis.host):\(redis.port)"]
            let arguments = ["--core-hub", TapTraffic.hub.type, "--tap", "--tap-full-sync-limit", "any"]
            try await RelayProcess.with(arguments, environment: environment) { relay in
                func publish(_ count: Int, total: Int) async throws {
                    try await redis.withClient { client in
                        for _ in 0..<count { try await TapTraffic.publish(argument: 0, client) }
                    }
                    try await relay.waitForMetrics("it has received \(total)") {
                        $0[TapTraffic.received + TapTraffic.hubChannel] == Double(total)
                    }
                }
                try await publish(3, total: 3)
                try await redis.command(["CONFIG", "SET", "repl-diskless-sync-delay", "0"])
                try await eventually("the link is attached", within: .seconds(20)) {
                    try await Self.info(redis, "slave0")?.contains("state=online") == true ? true : nil
                }
                try await publish(2, total: 5)
                #expect(!relay.child.errors.contains(Self.fallsBack))
                try await redis.command(["CLIENT", "KILL", "TYPE", "pubsub"])
                try await eventually("the link was tried again, and must wait", within: .seconds(20)) {
                    relay.child.errors.contains(Self.tooSoon) && relay.child.errors.contains(Self.fallsBack)
                        ? true : nil
                }
                #expect(try await Self.info(redis, "sync_full") == "1")
                #expect(try await Self.subscribers(redis).last == 1)
                try await publish(1, total: 6)
                #expect(try await relay.stop() == .code(0), "\(relay.child.errors)")
            }
        }
    }

    @Test("if the memory is unknown, only any is accepted; min-replicas-to-write is detected without CONFIG")
    func checkWithoutRights() async throws {
        func check(_ redis: RedisServer, _ arguments: [String]) async throws -> Finished {
            try await Finished.relay(
                ["run", "--check-only", "--channel", "chat"] + arguments,
                environment: ["BACKPLANE_RELAY_REDIS": "redis://relay:secret@\(redis.host):\(redis.port)"])
        }
        try await RedisServer.with(["--min-replicas-to-write", "1"]) { redis in
            func deny(_ command: String) async throws {
                try await redis.command([
                    "ACL", "SETUSER", "relay", "reset", "on", ">secret", "~*", "&*", "+@all", .text("-\(command)"),
                ])
            }
            try await deny("config")
            let refused = try await check(redis, ["--tap"])
            #expect(refused.exit == .code(1))
            #expect(refused.output.contains("'min-replicas-to-write' above 0"), "\(refused.output)")
            #expect(refused.output.contains("--tap=force"), "\(refused.output)")
            let forced = try await check(redis, ["--tap=force"])
            #expect(forced.exit == .code(0))
            #expect(forced.output.contains("min-replicas-to-write (above 0) counts it"), "\(forced.output)")

            try await redis.command(["CONFIG", "SET", "min-replicas-to-write", "0"])
            try await deny("info")
            let unknown = try await check(redis, ["--tap"])
            #expect(unknown.exit == .code(1))
            #expect(unknown.output.contains("an unknown amount of memory"), "\(unknown.output)")
            #expect(unknown.output.contains("(--tap-full-sync-limit any)"), "\(unknown.output)")
            let allowed = try await check(redis, ["--tap", "--tap-full-sync-limit", "any"])
            #expect(allowed.exit == .code(0), "\(allowed.output)")
            #expect(try await Self.info(redis, "sync_full") == "0", "nothing was done")
        }
    }
}
