import Backplane
import Redis
import TestSupport
import Testing

/// A relay that taps servers which a real Sentinel monitors.
@Suite("Replication tap and Sentinel", .needs(.redisServer, .redisCLI), .timeLimit(.minutes(3)))
struct TapSentinelTests {
    enum Cause: CaseIterable {
        case killed
        case commanded
    }

    private static let quick = ["--repl-diskless-sync", "yes", "--repl-diskless-sync-delay", "0"]
    private static let missing = #"signalr_backplane_missing_ids_total{channel="chat",backplane="signalr2"}"#
    private static let watched = ["--channel", "chat", "--core-hub", TapTraffic.hub.type]

    private static func with(
        _ body: (_ master: RedisServer, _ replica: RedisServer) async throws -> Void
    ) async throws {
        try await RedisServer.with(quick) { master in
            try await RedisServer.with(quick + ["--replicaof", master.host, "\(master.port)"]) { replica in
                try await replica.waitUntilFollowing(master)
                try await body(master, replica)
            }
        }
    }

    private static func replicas(_ redis: RedisServer) async throws -> [String] {
        try await redis.command(["INFO", "replication"]).text?.split(whereSeparator: \.isNewline).map(String.init)
            .filter { $0.firstMatch(of: #/^slave\d+:/#) != nil } ?? []
    }

    // MARK: - Failover

    /// The relay continues at its replica after the promotion: for each cause nothing is missing or recorded twice, and
    /// Sentinel never elects the tap.
    @Test(arguments: Cause.allCases)
    func `a failover under load loses nothing`(cause: Cause) async throws {
        try await Self.with { master, replica in
            try await Sentinel.with(watching: master) { sentinel in
                try await sentinel.waitForReplica()
                try await TemporaryDirectory.with { folder in
                    var traffic = TapTraffic()
                    let before = try await master.withClient { client in
                        let receivers = try await traffic.publish(1, client)
                        try await client.send(["WAIT", "1", "20000"])
                        return receivers
                    }
                    let arguments = ["--redis", sentinel.url, "--record", folder, "--tap"] + Self.watched
                    try await RelayProcess.with(arguments) { relay in
                        try await TapTraffic.waitUntilCarrying(relay)
                        let direct = try await Self.replicas(master)
                        #expect(direct.count == 1, "the master lists only its replica: \(direct)")
                        let tap = try await Self.replicas(replica)
                        #expect(tap.count == 1 && tap[0].contains("port=0,"), "\(tap)")
                        // What was published before the relay attached does not count.
                        traffic = TapTraffic()
                        try await master.withClient { client in
                            let receivers = try await traffic.publish(20, client)
                            #expect(receivers == before)
                            // What a killed server has not replicated is lost to everyone.
                            let acknowledged = try await client.send(["WAIT", "1", "20000"])
                            #expect(acknowledged == .integer(1))
                        }
                        switch cause {
                        case .killed:
                            try await sentinel.shortenPatience()
                            await master.stop()
                        case .commanded: try await sentinel.failOver()
                        }
                        // Sentinel kills the clients of a server that it promotes.
                        try await eventually("the replica is promoted", within: .seconds(40)) {
                            let role = try? await replica.command(["ROLE"])
                            return role?.array?.first?.text == "master" ? true : nil
                        }
                        // Publish like nodes that learn of the promotion before the relay.
                        try await replica.withClient { client in
                            try await traffic.publish(20, client)
                            try await sentinel.waitForMaster(replica)
                            try await TapTraffic.waitUntilCarrying(relay)
                            let receivers = try await traffic.publish(20, client)
                            #expect(receivers == before)
                        }
                        try await traffic.waitUntilReceived(relay)
                        let listed = try await sentinel.listedReplicas()
                        #expect(listed.allSatisfy { $0 == master.port || $0 == 0 }, "\(listed)")
                        let metrics = try await relay.metrics()
                        #expect(metrics["backplane_relay_tap_losses_total"] == 0)
                        #expect(metrics[Self.missing] == 0)
                        #expect(metrics[#"backplane_relay_tap_syncs_total{kind="full"}"#] == 0)
                        #expect(try await relay.stop() == .code(0), "\(relay.child.errors)")
                    }
                    let recorded = try TapTraffic.Recorded(folder)
                    #expect(recorded.keyed == traffic.keyed && recorded.hubs == traffic.hubs)
                    for name in ["gap", "duplicate", "counter_reset"] { #expect(recorded.named(name) == []) }
                    #expect(!recorded.named("resumed").isEmpty)
                    let info = try await Finished.relay(["info", folder])
                    #expect(info.output.contains("complete by replication offset"), "\(info.output)")
                    #expect(info.exit == .code(0))
                }
            }
        }
    }

    /// Three sentinels elect a leader as they do without the tap. The leader never promotes the tap.
    @Test(arguments: [false, true])
    func `a vote of three sentinels is not disturbed by a tap`(atMaster: Bool) async throws {
        try await Self.with { master, replica in
            try await Sentinel.withThree(watching: master) { sentinels in
                for sentinel in sentinels { try await sentinel.waitForReplica() }
                var traffic = TapTraffic()
                let place = atMaster ? ["--tap=force", "--prefer", "master"] : ["--tap"]
                try await TemporaryDirectory.with { folder in
                    let arguments = ["--redis", sentinels[0].url, "--record", folder] + place + Self.watched
                    try await RelayProcess.with(arguments) { relay in
                        try await TapTraffic.waitUntilCarrying(relay)
                        let tapped = try await Self.replicas(atMaster ? master : replica)
                        #expect(tapped.contains { $0.contains("port=0,") }, "\(tapped)")
                        if atMaster {
                            for sentinel in sentinels {
                                try await eventually("each sentinel lists the tap", within: .seconds(40)) {
                                    try await sentinel.listedReplicas().contains(0) ? true : nil
                                }
                            }
                        }
                        try await master.withClient { client in
                            try await traffic.publish(20, client)
                            let acknowledged = try await client.send(["WAIT", "1", "20000"])
                            #expect(acknowledged == .integer(1), "the tap is not counted")
                        }
                        for sentinel in sentinels { try await sentinel.shortenPatience() }
                        await master.stop()
                        for sentinel in sentinels { try await sentinel.waitForMaster(replica) }
                        let logs = sentinels.map(\.log).joined()
                        #expect(logs.contains("+elected-leader"), "\(logs)")
                        for text in ["-failover-abort-no-good-slave", "-failover-abort-slave-timeout"] {
                            #expect(!logs.contains(text), "\(logs)")
                        }
                        let chosen = logs.matches(of: #/\+selected-slave slave \S+ \S+ (\d+)/#).map { $0.1 }
                        #expect(Set(chosen) == ["\(replica.port)"], "\(logs)")
                        try await replica.withClient { client in
                            try await TapTraffic.waitUntilCarrying(relay)
                            try await traffic.publish(20, client)
                        }
                        try await traffic.waitUntilReceived(relay)
                        #expect(try await relay.stop() == .code(0), "\(relay.child.errors)")
                    }
                    let recorded = try TapTraffic.Recorded(folder)
                    #expect(recorded.keyed == traffic.keyed && recorded.hubs == traffic.hubs)
                    for name in ["gap", "duplicate"] { #expect(recorded.named(name) == []) }
                }
            }
        }
    }

    // MARK: - Choosing a server

    @Test func `of several servers the tap reads from the replica, and from the master only if forced`() async throws {
        try await Self.with { master, replica in
            let several = ["--redis", "\(master.host):\(master.port),\(replica.host):\(replica.port)"]
            func check(_ arguments: [String]) async throws -> Finished {
                try await Finished.relay(
                    ["run", "--check-only", "--listen", "127.0.0.1:0"] + several + Self.watched + arguments)
            }
            let chosen = try await check(["--tap"])
            #expect(chosen.exit == .code(0), "\(chosen.output)")
            #expect(chosen.output.contains("a replica of this replica"), "\(chosen.output)")
            let refused = try await check(["--tap", "--prefer", "master"])
            #expect(refused.exit == .code(1))
            #expect(refused.output.contains("it is a master, which counts the tap"), "\(refused.output)")
            #expect(
                refused.output.contains(
                    "--prefer replica; --tap=prefer subscribes instead; --tap=force taps the master"))
            let forced = try await check(["--tap=force", "--prefer", "master"])
            #expect(forced.exit == .code(0), "\(forced.output)")
            let run = try await Finished.relay(
                ["run", "--listen", "127.0.0.1:0", "--tap", "--prefer", "master"] + several + Self.watched)
            #expect(run.exit == .code(1))
            #expect(run.errors.contains("it is a master, which counts the tap"), "\(run.errors)")
            let direct = try await Self.replicas(master)
            #expect(direct.count == 1, "nothing was done: \(direct)")

            await replica.stop()
            let fallen = try await check(["--tap=prefer"])
            #expect(fallen.exit == .code(0), "\(fallen.output)")
            #expect(fallen.output.contains("the relay subscribes instead"), "\(fallen.output)")
            try await RelayProcess.with(["--tap=prefer"] + several + Self.watched) { relay in
                try await eventually("it has fallen back") {
                    relay.child.errors.contains("the relay subscribes instead") ? true : nil
                }
                let counted = try await master.command(["PUBSUB", "NUMSUB", "chat"]).array?.last?.integer
                #expect(counted == 1)
                let replicas = try await Self.replicas(master)
                #expect(replicas.isEmpty, "\(replicas)")
            }
            try await RelayProcess.with(["--tap=force"] + several + Self.watched) { relay in
                try await TapTraffic.waitUntilCarrying(relay)
                let replicas = try await Self.replicas(master)
                #expect(replicas.count == 1, "\(replicas)")
            }
        }
    }
}
