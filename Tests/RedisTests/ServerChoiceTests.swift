import TestSupport
import Testing

@testable import Redis

/// Which of several servers is used, for what.
@Suite struct ServerChoiceTests {
    private static let endpoint = "a:1"
    private static let replicaError = RedisError.replica(endpoint: endpoint, master: "m:1")
    private static let master = RedisRole.master
    private static let linked = RedisRole.replica(of: .tcp(host: "m", port: 1))
    private static let broken = RedisRole.replica(of: .tcp(host: "m", port: 1), isLinked: false)
    private static let notLinked = RedisError.passedOver(
        endpoint: endpoint, reason: "it is a replica without a link to its master")

    private static func configuration(
        _ use: RedisUse, servers: Int = 1, _ preference: ServerPreference = .replica, sentinel: String? = nil
    ) -> RedisConfiguration {
        var configuration = RedisConfiguration(
            servers: (1...servers).map { .tcp(host: "h", port: $0) }, sentinelMaster: sentinel)
        configuration.use = use
        configuration.preference = preference
        return configuration
    }

    static let demands: [(RedisConfiguration, [ServerDemand])] = [
        (configuration(.publish), [.master]), (configuration(.publish, servers: 2, .any), [.master]),
        (configuration(.watch), [.any]), (configuration(.watch, .master), [.any]),
        (configuration(.watch, servers: 2), [.linkedReplica, .master, .any]),
        (configuration(.watch, servers: 2, .master), [.master]),
        (configuration(.watch, servers: 2, .any), [.healthy, .any]),
    ]

    @Test(arguments: demands) func demandsInTurn(_ configuration: RedisConfiguration, _ demands: [ServerDemand]) {
        #expect(configuration.demands == demands)
    }

    static let objections: [(ServerDemand, RedisRole, RedisError?)] = [
        (.master, master, nil), (.master, linked, replicaError), (.master, broken, replicaError),
        (.linkedReplica, master, .passedOver(endpoint: endpoint, reason: "it is a master")),
        (.linkedReplica, linked, nil), (.linkedReplica, broken, notLinked),
        (.healthy, master, nil), (.healthy, linked, nil), (.healthy, broken, notLinked),
        (.any, master, nil), (.any, linked, nil), (.any, broken, nil),
        (.any, .sentinel, .sentinel(endpoint: endpoint)),
    ]

    @Test(arguments: objections)
    func byRoleAndByInfo(_ demand: ServerDemand, _ role: RedisRole, _ objection: RedisError?) {
        var configuration = Self.configuration(.watch)
        configuration.demand = demand
        #expect(configuration.objection(to: role, at: Self.endpoint) == objection)
        let info: String
        switch role {
        case .master: info = "redis_mode:standalone\r\nrole:master\r\n"
        case .replica(_, let isLinked):
            info =
                "redis_mode:standalone\r\nrole:slave\r\nmaster_host:m\r\nmaster_port:1\r\nmaster_link_status:\(isLinked ? "up" : "down")\r\n"
        case .sentinel: info = "redis_mode:sentinel\r\n"
        }
        #expect(configuration.objection(to: RedisServerInfo(infoText: info), at: Self.endpoint) == objection)
    }

    @Test func withoutADemandTheUseDecides() {
        #expect(Self.configuration(.watch).objection(to: Self.broken, at: Self.endpoint) == nil)
        #expect(Self.configuration(.publish).objection(to: Self.linked, at: Self.endpoint) == Self.replicaError)
        let named = Self.configuration(.publish, sentinel: "mymaster")
        #expect(
            named.objection(to: Self.linked, at: Self.endpoint)
                == .demotedMaster(endpoint: Self.endpoint, name: "mymaster"))
        // A cluster is watched, whatever the role of the node; nobody publishes there.
        for role in ["master", "slave"] {
            let cluster = RedisServerInfo(infoText: "redis_mode:cluster\r\nrole:\(role)\r\n")
            #expect(Self.configuration(.watch).objection(to: cluster, at: Self.endpoint) == nil)
            #expect(
                Self.configuration(.publish).objection(to: cluster, at: Self.endpoint)
                    == .clusterMode(endpoint: Self.endpoint))
        }
    }

    @Test(arguments: [("connected", true), ("connect", false), ("connecting", false), ("sync", false)])
    func stateInRole(_ state: String, _ isLinked: Bool) {
        let reply = RESPValue.array([
            .bulk(Array("slave".utf8)), .bulk(Array("m".utf8)), .integer(1), .bulk(Array(state.utf8)), .integer(9),
        ])
        #expect(RedisRole(reply: reply) == .replica(of: .tcp(host: "m", port: 1), isLinked: isLinked))
    }

    @Test func replicationByRole() {
        func reply(_ parts: [RESPValue]) -> ReplicationReport? { ReplicationReport(role: .array(parts)) }
        func text(_ text: String) -> RESPValue { .bulk(Array(text.utf8)) }
        let master = reply([text("master"), .integer(90), .array([])])
        #expect(master?.isReplica == false && master?.offset == 90 && master?.history == nil)
        let linked = reply([text("slave"), text("m"), .integer(1), text("connected"), .integer(70)])
        #expect(linked?.isReplica == true && linked?.isLinked == true && linked?.isTransferring == false)
        #expect(linked?.master == "m:1" && linked?.offset == 70)
        let transferring = reply([text("slave"), text("m"), .integer(1), text("sync"), .integer(-1)])
        #expect(transferring?.isLinked == false && transferring?.isTransferring == true && transferring?.offset == 0)
        #expect(reply([text("sentinel"), .array([])]) == nil)
        #expect(ReplicationReport(role: .error("NOPERM")) == nil)
    }

    // MARK: - Sentinels

    private static func replica(_ port: String, _ flags: String, _ link: String) -> RESPValue {
        let fields = [
            "name", "x", "ip", "10.0.0.\(port)", "port", port, "flags", flags, "master-link-status", link,
            "slave-priority", "0",
        ]
        return .array(fields.map { .bulk(Array($0.utf8)) })
    }

    @Test func replicasOfASentinel() {
        let master = RedisEndpoint.tcp(host: "m", port: 1)
        let group = SentinelGroup(
            master: master,
            replicas: .array([
                Self.replica("1", "s_down,slave", "ok"), Self.replica("2", "slave", "err"),
                Self.replica("3", "slave", "ok"), Self.replica("4", "slave,disconnected", "ok"),
                Self.replica("5", "o_down,slave", "ok"), Self.replica("0", "slave", "ok"), .null, .array([.null]),
            ]))
        let (broken, healthy) = (
            RedisEndpoint.tcp(host: "10.0.0.2", port: 2), RedisEndpoint.tcp(host: "10.0.0.3", port: 3)
        )
        #expect(group.healthy == [healthy])
        #expect(group.present == [broken, healthy])
        func rounds(_ preference: ServerPreference, acceptsBrokenLink: Bool = true) -> [String] {
            group.rounds(preference, acceptsBrokenLink: acceptsBrokenLink).map { "\($0.demand) \($0.servers.count)" }
        }
        #expect(rounds(.replica) == ["linkedReplica 1", "master 1", "any 2"])
        #expect(rounds(.replica, acceptsBrokenLink: false) == ["linkedReplica 1", "master 1"])
        #expect(rounds(.any) == ["master 1", "linkedReplica 1", "any 2"])
        #expect(rounds(.master) == ["master 1"])
        // The ACL of the sentinel may deny it.
        #expect(SentinelGroup(master: master, replicas: .error("NOPERM")).present == [])
    }
}

/// The same with real servers.
@Suite(.needs(.redisServer, .redisCLI), .timeLimit(.minutes(1)))
struct ReplicaAttachTests {
    private static func subscription(_ configuration: RedisConfiguration) async throws -> Subscription {
        var found: Subscription?
        try await Attaching.subscriber(configuration) { events in found = try await events.nextSubscription() }
        return try #require(found)
    }

    @Test func ofSeveralServersTheReplicaIsWatched() async throws {
        try await RedisServer.with(["--repl-diskless-sync-delay", "0"]) { master in
            try await RedisServer.with(["--replicaof", "127.0.0.1 \(master.port)"]) { replica in
                try await replica.waitUntilFollowing(master)
                let both = RedisConfiguration(servers: master.configuration.servers + replica.configuration.servers)
                let watched = try await Self.subscription(both.watching())
                #expect(watched.endpoint == replica.configuration.endpoint)
                #expect(watched.role == .replica(of: "127.0.0.1:\(master.port)"))
                let any = try await Self.subscription(both.watching(.any))
                #expect(any.endpoint == master.configuration.endpoint && any.role == .master)
                let first = try await Self.subscription(both.watching(.master))
                #expect(first.endpoint == master.configuration.endpoint)
                // A single address is taken as it is.
                let alone = try await Self.subscription(replica.configuration.watching(.master))
                #expect(alone.endpoint == replica.configuration.endpoint)
                // Where only a master will do, nothing has changed.
                #expect(
                    await Attaching.refusal(of: replica.configuration)
                        == .replica(endpoint: replica.configuration.endpoint, master: "127.0.0.1:\(master.port)"))
                let publisher = try await Self.subscription(both)
                #expect(publisher.endpoint == master.configuration.endpoint)

                // What a replica cannot answer.
                let search = MasterSearch(replica.configuration.watching(), eventLoopGroup: Attaching.group)
                let found = try await search.connect()
                #expect(found.server == master.configuration.servers[0])
                await found.close()

                // Without a link the master is better; without a master too, it is all there is.
                try await replica.command(["REPLICAOF", "127.0.0.1", "1"])
                let fallback = try await Self.subscription(both.watching())
                #expect(fallback.endpoint == master.configuration.endpoint)
                let away = await #expect(throws: RedisError.self) { _ = try await search.connect() }
                #expect(away?.description.contains("and its master 127.0.0.1:1, where nodes subscribe") == true)
                await master.stop()
                let last = try await Self.subscription(both.watching())
                #expect(last.endpoint == replica.configuration.endpoint)
            }
        }
    }

    @Test func anotherReplicaFollowsOneThatDied() async throws {
        let quick = ["--repl-diskless-sync-delay", "0"]
        try await RedisServer.with(quick) { master in
            let follow = ["--replicaof", master.host, "\(master.port)"]
            try await RedisServer.with(follow) { first in
                try await RedisServer.with(follow) { second in
                    try await Sentinel.with(watching: master) { sentinel in
                        for replica in [first, second] { try await replica.waitUntilFollowing(master) }
                        try await sentinel.waitForReplica()
                        try await Attaching.subscriber(sentinel.configuration.watching()) { events in
                            let before = try await events.nextSubscription()
                            let (own, other) =
                                before.endpoint == first.configuration.endpoint ? (first, second) : (second, first)
                            #expect(before.endpoint == own.configuration.endpoint)
                            // Not before the sentinel knows the other one.
                            try await eventually("the sentinel knows both", within: .seconds(20)) {
                                let group = try await Sentinels(
                                    configuration: sentinel.configuration, eventLoopGroup: Attaching.group
                                ).group()
                                return group.healthy.count == 2 ? true : nil
                            }
                            await own.stop()
                            guard case .disconnected = try await events.next() else {
                                Issue.record("the end of the replica was not detected")
                                return
                            }
                            let after = try await events.nextSubscription()
                            #expect(after.endpoint == other.configuration.endpoint)
                            #expect(after.role == .replica(of: "127.0.0.1:\(master.port)"))
                        }
                    }
                }
            }
        }
    }

    @Test func ofSentinelsAHealthyReplicaIsWatched() async throws {
        try await RedisServer.with(["--repl-diskless-sync-delay", "0"]) { master in
            try await RedisServer.with(["--replicaof", "127.0.0.1 \(master.port)"]) { replica in
                try await Sentinel.with(watching: master) { sentinel in
                    try await sentinel.waitForReplica()
                    let configuration = sentinel.configuration
                    let watched = try await Self.subscription(configuration.watching())
                    #expect(watched.endpoint == replica.configuration.endpoint)
                    for preference in [ServerPreference.master, .any] {
                        let other = try await Self.subscription(configuration.watching(preference))
                        #expect(other.endpoint == master.configuration.endpoint, "\(preference)")
                    }
                    await replica.stop()
                    // The sentinel still thinks that it is there.
                    let fallback = try await Self.subscription(configuration.watching())
                    #expect(fallback.endpoint == master.configuration.endpoint)
                    let publisher = try await Self.subscription(configuration)
                    #expect(publisher.endpoint == master.configuration.endpoint)
                }
            }
        }
    }
}
