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

/// A relay that reads the replication stream of a real server.
@Suite("Replication tap", .needs(.redisServer), .timeLimit(.minutes(3)))
struct TapTests {
    private static func arguments(_ redis: RedisServer, _ folder: String, tap: String = "--tap") -> [String] {
        ["--redis", redis.url, "--channel", "chat", "--core-hub", TapTraffic.hub.type, "--record", folder, tap]
    }

    private static func subscribers(_ redis: RedisServer) async throws -> [Int64?] {
        try await redis.command(["PUBSUB", "NUMSUB", "chat", .bytes(TapTraffic.hub.channel(.all, []))]).array?
            .map(\.integer).filter { $0 != nil } ?? []
    }

    @Test("its link is killed again and again under load: nothing is missing or recorded twice, as the offset proves")
    func killed() async throws {
        // The offset does not change between the server's own PINGs.
        try await RedisServer.with(["--repl-ping-replica-period", "3600"]) { redis in
            try await TemporaryDirectory.with { folder in
                var traffic = TapTraffic()
                try await RelayProcess.with(Self.arguments(redis, folder)) { relay in
                    try await redis.withClient { client in
                        // The seam is somewhere in these.
                        repeat {
                            try await traffic.publish(5, client)
                        } while try await relay.metric(TapTraffic.isCarrying) == 0
                        var kills: Int64 = 0
                        for _ in 0..<20 {
                            kills += try await client.send(["CLIENT", "KILL", "TYPE", "replica"]).integer ?? 0
                            try await traffic.publish(10, client)
                        }
                        try await TapTraffic.waitUntilCarrying(relay)
                        let receivers = try await traffic.publish(1, client)
                        #expect(receivers == 0, "PUBLISH's answer is as without the relay")
                        #expect(kills > 0)
                        try await Self.expectFigures(relay, partialSyncs: kills + 1, client)
                    }
                    try await traffic.waitUntilReceived(relay)
                    #expect(try await Self.subscribers(redis) == [0, 0])
                    let metrics = try await relay.metrics()
                    #expect(metrics["backplane_relay_tap_losses_total"] == 0)
                    #expect(metrics[#"signalr_backplane_missing_ids_total{channel="chat",backplane="signalr2"}"#] == 0)
                    #expect(metrics[#"backplane_relay_tap_syncs_total{kind="full"}"#] == 0)
                    #expect(try await relay.stop() == .code(0), "\(relay.child.errors)")
                }
                let recorded = try TapTraffic.Recorded(folder)
                #expect(recorded.keyed == traffic.keyed)
                #expect(recorded.hubs == traffic.hubs)
                #expect(recorded.named("gap") == [] && recorded.named("duplicate") == [])
                #expect(!recorded.named("resumed").isEmpty)
                #expect(recorded.named("subscribed").map { $0.offset != nil } == [false, true])
                let info = try await Finished.relay(["info", folder])
                #expect(info.output.contains("complete by replication offset"), "\(info.output)")
                #expect(info.exit == .code(0))
                let json = try await Finished.relay(["info", "--json", folder])
                #expect(json.output.contains(#""complete" : true"#), "\(json.output)")
                #expect(!json.output.contains(#""complete" : null"#), "\(json.output)")
            }
        }
    }

    /// The metrics of a tap that is up to date, while nothing is written.
    private static func expectFigures(
        _ relay: RelayProcess, partialSyncs: Int64, _ client: RedisClient
    ) async throws {
        let fields = InfoFields(try await client.send(["INFO", "replication"]).text ?? "")
        let offset = try #require(fields["master_repl_offset"].flatMap { Double($0) })
        let size = try #require(fields["repl_backlog_size"].flatMap { Double($0) })
        // The server is asked every 2.5 s; a rate needs two answers.
        try await relay.waitForMetrics("the figures of the end of the stream") {
            $0["backplane_relay_tap_offset_bytes"] == offset && $0["backplane_relay_tap_lag_bytes"] == 0
                && $0["backplane_relay_tap_lag_seconds"] == 0 && $0["backplane_relay_tap_backlog_seconds"] != nil
                && $0[#"backplane_relay_tap_syncs_total{kind="partial"}"#] ?? 0 >= Double(partialSyncs)
        }
        let metrics = try await relay.metrics()
        #expect(metrics["backplane_relay_tap_backlog_bytes"] == size)
        // The backlog holds many times what this test writes in a minute.
        #expect(0.1...604_800 ~= metrics["backplane_relay_tap_backlog_seconds"] ?? 0)
        #expect(0...offset ~= metrics["backplane_relay_tap_bytes_total"] ?? -1)
    }

    @Test("at a replica: the master sees nothing of it, and a link that breaks on either side loses nothing")
    func atReplica() async throws {
        try await RedisServer.with(["--repl-diskless-sync-delay", "0"]) { master in
            try await RedisServer.with(["--replicaof", master.host, "\(master.port)"]) { replica in
                try await replica.waitUntilFollowing(master)
                try await TemporaryDirectory.with { folder in
                    var traffic = TapTraffic()
                    try await RelayProcess.with(Self.arguments(replica, folder)) { relay in
                        try await TapTraffic.waitUntilCarrying(relay)
                        try await master.withClient { client in
                            for kind in ["replica", "replica", "normal"] {
                                try await traffic.publish(5, client)
                                // The relay's link, then the replica's to the master.
                                try await replica.command(["CLIENT", "KILL", "TYPE", .text(kind)])
                                try await replica.command(["CLIENT", "KILL", "TYPE", "master"])
                            }
                            let receivers = try await traffic.publish(5, client)
                            #expect(receivers == 0)
                        }
                        try await traffic.waitUntilReceived(relay)
                        let info = try await master.command(["INFO", "replication"]).text ?? ""
                        #expect(info.contains("connected_slaves:1"), "\(info)")
                        #expect(try await relay.stop() == .code(0), "\(relay.child.errors)")
                    }
                    let recorded = try TapTraffic.Recorded(folder)
                    #expect(recorded.keyed == traffic.keyed && recorded.hubs == traffic.hubs)
                    #expect(recorded.named("gap") == [])
                    let info = try await Finished.relay(["info", folder])
                    #expect(info.output.contains("complete by replication offset"), "\(info.output)")
                }
            }
        }
    }

    @Test("the backlog is overrun while the relay is frozen: a gap with the bytes, and exit status 3")
    func overrun() async throws {
        try await RedisServer.with(["--repl-backlog-size", "16kb"]) { redis in
            try await TemporaryDirectory.with { folder in
                var traffic = TapTraffic()
                try await RelayProcess.with(Self.arguments(redis, folder)) { relay in
                    try await TapTraffic.waitUntilCarrying(relay)
                    try await redis.withClient { client in
                        try await traffic.publish(2, client)
                        try await traffic.waitUntilReceived(relay)
                        relay.child.signal(SIGSTOP)
                        try await client.send(["CLIENT", "KILL", "TYPE", "replica"])
                        try await traffic.publish(3, client)
                        let filler = RESPArgument.text(String(repeating: "x", count: 4_000))
                        for _ in 0..<10 { try await client.send(["SET", "filler", filler]) }
                        relay.child.signal(SIGCONT)
                        // Before the next id reveals the loss.
                        try await relay.waitForMetrics("the loss is reported", within: .seconds(40)) {
                            $0["backplane_relay_tap_losses_total"] == 1
                                && $0[#"signalr_backplane_missing_ids_total{channel="chat",backplane="signalr2"}"#] == 3
                                && $0["backplane_relay_tap_lost_bytes_total"] ?? 0 > 40_000
                        }
                        try await TapTraffic.waitUntilCarrying(relay)
                        try await traffic.publish(2, client)
                    }
                    try await traffic.waitUntilReceived(relay, missing: 3)
                    #expect(relay.child.errors.contains("part of the replication stream was lost"))
                    #expect(try await relay.stop() == .code(3), "\(relay.child.errors)")
                }
                let recorded = try TapTraffic.Recorded(folder)
                let gaps = recorded.named("gap")
                #expect(gaps.contains(.gap(channel: "chat", from: 3, to: 5, cause: .backlogLost)), "\(gaps)")
                #expect(gaps.contains { $0.channel == nil && $0.cause == "backlog_lost" && $0.bytes ?? 0 > 40_000 })
                let info = try await Finished.relay(["info", folder])
                #expect(info.output.contains("missing 3..5 (3): backlog_lost"), "\(info.output)")
                #expect(info.output.contains("of the replication stream were lost"), "\(info.output)")
                #expect(info.exit == .code(3))
            }
        }
    }

    @Test("without the right: the line that grants it and exit status 1, or a subscription if that is allowed")
    func withoutRight() async throws {
        try await RedisServer.with { redis in
            try await redis.command([
                "ACL", "SETUSER", "relay", "on", ">secret", "~*", "&*", "+@all", "-psync",
            ])
            try await TemporaryDirectory.with { folder in
                let address = "redis://relay:secret@\(redis.host):\(redis.port)"
                let environment = ["BACKPLANE_RELAY_REDIS": address]
                let base = ["--channel", "chat", "--core-hub", TapTraffic.hub.type]
                let refused = try await Finished.relay(
                    ["run", "--listen", "127.0.0.1:0", "--tap"] + base, environment: environment)
                #expect(refused.exit == .code(1), "\(refused.errors)")
                #expect(refused.errors.contains("ACL SETUSER relay +psync"), "\(refused.errors)")
                let checked = try await Finished.relay(
                    ["run", "--check-only", "--tap"] + base, environment: environment)
                #expect(checked.exit == .code(1))
                #expect(checked.output.contains("ACL SETUSER relay +psync +replconf +ping"), "\(checked.output)")

                var traffic = TapTraffic()
                try await RelayProcess.with(
                    ["--record", folder, "--tap=prefer"] + base, environment: environment
                ) { relay in
                    try await relay.waitForMetrics("it has fallen back") { _ in
                        relay.child.errors.contains("the relay subscribes instead")
                    }
                    try await redis.withClient { client in
                        let receivers = try await traffic.publish(3, client)
                        #expect(receivers == 1)
                    }
                    try await traffic.waitUntilReceived(relay)
                    #expect(try await relay.metric(TapTraffic.isCarrying) == 0)
                    #expect(try await relay.stop() == .code(0))
                }
            }
        }
    }

    @Test("the check says what it costs and who sees it, and does nothing; a master that counts replicas refuses it")
    func check() async throws {
        try await RedisServer.with(["--min-replicas-to-write", "1"]) { redis in
            let refused = try await Finished.relay(
                ["run", "--check-only", "--redis", redis.url, "--channel", "chat", "--tap"])
            #expect(refused.exit == .code(1))
            #expect(refused.output.contains("min-replicas-to-write 1"), "\(refused.output)")
            #expect(refused.output.contains("--tap=force"), "\(refused.output)")
            let forced = try await Finished.relay(
                ["run", "--check-only", "--redis", redis.url, "--channel", "chat", "--tap=force"])
            #expect(forced.exit == .code(0))
            for text in [
                "no fork", "used memory", "repl-backlog-size", "WAIT does not count it", "+psync +replconf +ping",
            ] {
                #expect(forced.output.contains(text), "\(text)\n\(forced.output)")
            }
            let replicas = try await redis.command(["INFO", "replication"]).text ?? ""
            #expect(replicas.contains("repl_backlog_active:0"), "nothing was done")
        }
    }
}
