import Testing

@testable import Redis

/// The first commands of a tap, and what it concludes from the replies.
@Suite struct TapHandshakeTests {
    private static let info = """
        redis_version:7.0.15\r
        redis_mode:standalone\r
        role:slave\r
        master_link_status:up\r
        used_memory:1048576\r
        latest_fork_usec:0\r
        connected_slaves:2\r
        master_replid:aaaa\r
        master_replid2:bbbb\r
        second_repl_offset:41\r
        master_repl_offset:99\r
        repl_backlog_active:1\r
        repl_backlog_size:1000\r
        repl_backlog_first_byte_offset:50\r
        repl_backlog_histlen:50\r

        """

    private static func bulk(_ text: String) -> RESPValue { .bulk(Array(text.utf8)) }

    /// The replies of a replica after SETNAME, up to REPLCONF.
    private static let answers: [RESPValue] = [
        .integer(7), .array([bulk("slave"), bulk("master"), .integer(6_379), bulk("connected"), .integer(99)]),
        bulk(info),
        .array(
            ["repl-diskless-sync", "yes", "repl-diskless-sync-delay", "5", "repl-ping-replica-period", "10"].map(bulk)),
        .array(["min-replicas-to-write", "3", "min-replicas-max-lag", "10"].map(bulk)),
        .array([bulk("proto"), .integer(2), bulk("mode"), bulk("standalone")]),
        .error("ERR This instance has cluster support disabled"), .status("OK"), .status("OK"),
    ]

    private func handshake(_ credentials: RedisCredentials? = nil) -> TapHandshake {
        TapHandshake(
            configuration: RedisConfiguration(host: "redis").watching(), credentials: credentials,
            endpoint: "redis:6379")
    }

    @Test func `the commands`() {
        #expect(
            handshake(RedisCredentials(username: nil, password: Secret("secret"))).commands == [
                ["AUTH", "secret"], ["CLIENT", "SETNAME", "backplane-relay"], ["CLIENT", "ID"], ["ROLE"], ["INFO"],
                ["CONFIG", "GET", "repl-*"], ["CONFIG", "GET", "min-replicas-*"], ["HELLO"], ["CLUSTER", "INFO"],
                ["REPLCONF", "capa", "eof", "capa", "psync2"], ["REPLCONF", "rdb-filter-only", ""],
            ])
    }

    @Test func `the facts`() {
        var handshake = handshake()
        #expect(handshake.received(.status("OK")) == .wait)
        for answer in Self.answers.dropLast() { #expect(handshake.received(answer) == .wait) }
        #expect(handshake.received(Self.answers[8]) == .ready)
        let facts = handshake.facts
        #expect(facts.connectionID == 7)
        #expect(facts.isReplica && facts.isLinked && facts.omitsData && facts.answersReplication)
        #expect(facts.isCluster == false)
        #expect(facts.end == ReplicationPosition(history: "aaaa", offset: 99))
        #expect((facts.previousHistory, facts.previousHistoryEnd) == ("bbbb", 41))
        #expect(facts.backlog == ReplicationBacklog(start: 50, count: 50, size: 1_000))
        #expect(facts.memoryBytes == 1_048_576)
        #expect(facts.forkMicroseconds == nil)
        #expect((facts.isDiskless, facts.syncDelaySeconds, facts.pingPeriodSeconds) == (true, 5, 10))
        #expect(facts.minReplicasToWrite == 3)
        #expect(facts.replicas == 2)
    }

    /// What is optional may be refused: an ACL, or a server without the command.
    @Test func `nothing but REPLCONF is required`() {
        var handshake = handshake()
        for _ in 0..<8 { #expect(handshake.received(.error("NOPERM this user has no permissions")) == .wait) }
        #expect(handshake.received(.status("OK")) == .wait)
        #expect(handshake.received(.error("ERR Unrecognized REPLCONF option: rdb-filter-only")) == .ready)
        #expect(!handshake.facts.answersReplication)
        #expect(!handshake.facts.omitsData)
    }

    /// INFO is refused, or its reply lacks the mode.
    @Test(
        arguments: [
            (.array([bulk("mode"), bulk("cluster")]), .error("NOPERM no"), true),
            (.array([bulk("mode"), bulk("standalone")]), .error("NOPERM no"), false),
            (.error("ERR unknown command"), bulk("cluster_state:fail\r\n"), true),
            (.array([]), .error("ERR This instance has cluster support disabled"), false),
            (.error("ERR unknown command"), .error("ERR unknown command"), nil), (.null, .status("OK"), nil),
        ] as [(RESPValue, RESPValue, Bool?)])
    func `whether it is a cluster, without INFO`(hello: RESPValue, clusterInfo: RESPValue, isCluster: Bool?) {
        for info in [.error("NOPERM no"), Self.bulk("role:master\r\n")] as [RESPValue] {
            var handshake = handshake()
            var answers = [.status("OK")] + Self.answers
            answers.replaceSubrange(2...3, with: [.array([Self.bulk("master")]), info])
            answers.replaceSubrange(6...7, with: [hello, clusterInfo])
            for answer in answers.dropLast() { #expect(handshake.received(answer) == .wait) }
            #expect(handshake.facts.isCluster == isCluster)
        }
    }

    @Test(arguments: [
        ("NOAUTH Authentication required.", 0, TapFailure.redis(.authenticationRequired(endpoint: "redis:6379"))),
        (
            "ERR max number of clients reached", 0,
            .redis(.serverError(command: "the connection", reply: "ERR max number of clients reached"))
        ),
        (
            "ERR unknown command 'REPLCONF'", 8,
            .tap(.notOffered(endpoint: "redis:6379", command: "REPLCONF", reply: "ERR unknown command 'REPLCONF'"))
        ),
        (
            "NOPERM User tap has no permissions to run the 'replconf' command", 8,
            .redis(
                .notPermitted(
                    endpoint: "redis:6379", command: "REPLCONF",
                    reply: "NOPERM User tap has no permissions to run the 'replconf' command",
                    rule: "ACL SETUSER default +psync +replconf +ping"))
        ),
    ])
    func refusals(reply: String, at step: Int, failure: TapFailure) {
        var handshake = handshake()
        for answer in ([.status("OK")] + Self.answers).prefix(step) { _ = handshake.received(answer) }
        #expect(handshake.received(.error(reply)) == .fail(failure))
    }

    @Test func `a sentinel is refused`() {
        var handshake = handshake()
        _ = handshake.received(.status("OK"))
        _ = handshake.received(.integer(1))
        #expect(
            handshake.received(.array([Self.bulk("sentinel"), .array([])]))
                == .fail(.redis(.sentinel(endpoint: "redis:6379"))))
    }

    /// As for a subscription: among several servers a replica may be demanded.
    @Test func `a server that is not wanted is passed over`() {
        var configuration = RedisConfiguration(host: "redis").watching()
        configuration.demand = .linkedReplica
        for byRole in [true, false] {
            var handshake = TapHandshake(configuration: configuration, credentials: nil, endpoint: "redis:6379")
            _ = handshake.received(.status("OK"))
            _ = handshake.received(.integer(1))
            var action = handshake.received(byRole ? .array([Self.bulk("master")]) : .error("NOPERM no"))
            if !byRole {
                #expect(action == .wait)
                action = handshake.received(Self.bulk("role:master\r\n"))
            }
            guard case .fail(.redis(.passedOver)) = action else {
                Issue.record("not passed over but \(action)")
                return
            }
        }
    }

    @Test func `a wrong password is not shown`() {
        var handshake = handshake(RedisCredentials(username: nil, password: Secret("hunter2")))
        guard case .fail(.redis(let error)) = handshake.received(.error("ERR proxy: bad password hunter2")) else {
            Issue.record("not refused")
            return
        }
        #expect(!error.description.contains("hunter2"))
    }

    @Test(arguments: [
        ("NOMASTERLINK Can't SYNC while not connected with my master", true),
        ("LOADING Redis is loading the dataset in memory", true), ("ERR unknown command 'PSYNC'", false),
        ("NOPERM no", false),
    ])
    func `whether PSYNC may succeed later`(reply: String, isTransient: Bool) {
        switch handshake().refusal(ofSync: reply) {
        case .redis(let error): #expect(error.isTransient == isTransient)
        case .tap(let error): #expect(error.isTransient == isTransient)
        }
    }
}
