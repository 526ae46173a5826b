import NIOPosix
import TestSupport
import Testing

@testable import Redis

/// What a tap may cost a real server, and what it must not do.
@Suite(.needs(.redisServer), .timeLimit(.minutes(3)))
struct TapConsentTests {
    /// Forks at once for a first replica.
    private static let undelayed = [
        "--repl-diskless-sync", "yes", "--repl-diskless-sync-delay", "0", "--repl-ping-replica-period", "3600",
    ]

    /// Before Redis 7 a full sync has all keys: it is left when it has begun, and the stream goes on after it.
    @Test(.needs(editions: .redis6, .redis7, .valkey9), arguments: RedisEdition.allCases)
    func `without a delay and a backlog a full sync is needed, once`(edition: RedisEdition) async throws {
        try await RedisServer.with(Self.undelayed, edition: edition) { server in
            var random = SplitMix64(seed: 1)
            try await server.ask(["SET", "k", .bytes(random.bytes(2 << 20))])
            try await TapProbe.running(server.configuration) { tap, events in
                let begun = try await events.next()
                #expect(begun == .syncing)
                let first = try await events.nextAttachment()
                #expect(first.start == .synced)
                #expect(first.facts.omitsData == (edition != .redis6))
                try await server.ask(["PUBLISH", "chat", "1"])
                try await events.next(text: "1")
                try await server.ask(["CLIENT", "KILL", "TYPE", "replica"])
                let second = try await events.nextAttachment()
                #expect(second.start == .continued)
                try await server.ask(["PUBLISH", "chat", "2"])
                try await events.next(text: "2")
                #expect(events.probe.texts == ["1", "2"])
                #expect(tap.figures.fullSyncs == 1)
                #expect(tap.figures.transferBytes < 1 << 20)
                #expect(try await server.info("latest_fork_usec") != "0")
            }
        }
    }

    @Test func `a large memory needs consent before that`() async throws {
        try await RedisServer.with(Self.undelayed) { server in
            let error = try await TapProbe.failure(of: server.configuration, limits: TapLimits(fullSyncBytes: 1_000))
            guard case .consentNeeded(server.configuration.endpoint, let bytes?, 1_000)? = error as? TapError else {
                Issue.record("failed with \(error)")
                return
            }
            #expect(bytes > 500_000)
            #expect(try await server.info("latest_fork_usec") == "0")
            #expect(try await server.info("sync_full") == "0")
        }
    }

    /// A restarted server has no backlog.
    @Test func `another full sync must wait`() async throws {
        try await RedisServer.with(Self.undelayed) { server in
            do {
                try await TapProbe.running(server.configuration) { _, events in
                    _ = try await events.nextAttachment()
                    await server.stop()
                    try await server.start()
                    await events.waitForEnd()
                }
                Issue.record("it attached again")
            } catch TapError.tooSoon(_, let left) {
                #expect((500...600).contains(left))
            }
            #expect(try await server.info("latest_fork_usec") == "0")
        }
    }

    @Test(.needs(editions: .redis6)) func `an RDB file is written only if forced`() async throws {
        try await RedisServer.with(["--repl-diskless-sync", "no"], edition: .redis6) { server in
            let error = try await TapProbe.failure(of: server.configuration)
            #expect(error as? TapError == .refused(endpoint: server.configuration.endpoint, [.writesFile]))
            #expect(try await server.info("latest_fork_usec") == "0")
            try await TapProbe.running(server.configuration, limits: TapLimits(isForced: true)) { _, events in
                let attachment = try await events.nextAttachment()
                #expect(attachment.start == .synced)
            }
        }
    }

    /// Since Redis 7 a sync without keys is never written to a file.
    @Test(.needs(editions: .redis7, .valkey9), arguments: [RedisEdition.redis7, .valkey9])
    func `no RDB file is written without keys`(edition: RedisEdition) async throws {
        try await RedisServer.with(["--repl-diskless-sync", "no", "--dbfilename", "tap.rdb"], edition: edition) {
            server in
            try await TapProbe.running(server.configuration) { _, events in
                let attachment = try await events.nextAttachment()
                #expect(attachment.start == .synced)
            }
            #expect(!server.files.contains("tap.rdb"))
        }
    }

    @Test func `a master with min-replicas-to-write is refused`() async throws {
        try await RedisServer.with(["--min-replicas-to-write", "1"]) { server in
            let error = try await TapProbe.failure(of: server.configuration)
            #expect(error as? TapError == .refused(endpoint: server.configuration.endpoint, [.minReplicas(1)]))
            #expect(try await server.info("connected_slaves") == "0")
            try await TapProbe.running(server.configuration, limits: TapLimits(isForced: true)) { _, events in
                _ = try await events.nextAttachment()
            }
        }
    }

    /// INFO shows it too: min_slaves_good_slaves.
    @Test(.needs(editions: .redis6, .redis7, .valkey9), arguments: RedisEdition.allCases)
    func `a master with min-replicas-to-write is refused without CONFIG`(edition: RedisEdition) async throws {
        for count in ["0", "1"] {
            try await RedisServer.with(
                ["--min-replicas-to-write", count, "--rename-command", "CONFIG", ""], edition: edition
            ) { server in
                let facts = try await server.withClient { try await TapFacts.ask($0) }
                #expect(facts.minReplicasToWrite == nil && facts.countsGoodReplicas == (count == "1"))
                guard count == "1" else { return }
                let error = try await TapProbe.failure(of: server.configuration)
                guard case .refused(_, let reasons)? = error as? TapError else {
                    Issue.record("failed with \(error)")
                    return
                }
                #expect(reasons.contains(.minReplicas(nil)))
                #expect(try await server.info("connected_slaves") == "0")
                try await TapProbe.running(server.configuration, limits: TapLimits(isForced: true)) { _, events in
                    _ = try await events.nextAttachment()
                }
            }
        }
    }

    /// A second tap of the same relay has no position to continue from, and the server was restarted.
    @Test func `a second tap must also wait before another full sync`() async throws {
        try await RedisServer.with(Self.undelayed) { server in
            let lastFullSync = FullSyncTime()
            try await TapProbe.running(server.configuration, lastFullSync: lastFullSync) { _, events in
                let first = try await events.nextAttachment()
                #expect(first.start == .synced)
            }
            await server.stop()
            try await server.start()
            let error = try await TapProbe.failure(of: server.configuration, lastFullSync: lastFullSync)
            guard case .tooSoon(_, let left)? = error as? TapError else {
                Issue.record("failed with \(error)")
                return
            }
            #expect((500...600).contains(left))
            #expect(try await server.info("latest_fork_usec") == "0")
        }
    }

    /// By HELLO, which no ACL denies, or by CLUSTER INFO.
    @Test(arguments: [["INFO", "HELLO"], ["INFO", "CLUSTER"]])
    func `a cluster is refused without INFO`(renamed: [String]) async throws {
        try await RedisServer.withCluster(renamed.flatMap { ["--rename-command", $0, ""] }) { server in
            let error = try await TapProbe.failure(
                of: server.configuration, limits: TapLimits(fullSyncBytes: .max, isForced: true))
            #expect(error as? TapError == .refused(endpoint: server.configuration.endpoint, [.cluster]))
            let facts = try await server.withClient { try await TapFacts.ask($0) }
            #expect(facts.isCluster == true)
        }
    }

    @Test func `a cluster is refused with the least rights`() async throws {
        try await RedisServer.withCluster { server in
            try await server.ask([
                "ACL", "SETUSER", "tap", "on", ">secret", "resetchannels", "-@all", "+psync", "+replconf",
            ])
            var configuration = server.configuration
            (configuration.username, configuration.password) = ("tap", Secret("secret"))
            let error = try await TapProbe.failure(of: configuration, limits: TapLimits(fullSyncBytes: .max))
            #expect(error as? TapError == .refused(endpoint: configuration.endpoint, [.cluster]))
        }
    }

    @Test func `a cluster is refused, even if forced`() async throws {
        try await RedisServer.withCluster { server in
            let error = try await TapProbe.failure(of: server.configuration, limits: TapLimits(isForced: true))
            #expect(error as? TapError == .refused(endpoint: server.configuration.endpoint, [.cluster]))
        }
    }

    // MARK: - Rights

    @Test(.needs(editions: .redis6, .redis7, .valkey9), arguments: RedisEdition.allCases)
    func `a missing right is named with the remedy`(edition: RedisEdition) async throws {
        try await RedisServer.with(["--repl-diskless-sync", "yes"], edition: edition) { server in
            try await server.ask([
                "ACL", "SETUSER", "tap", "on", ">secret", "resetchannels", "-@all", "+info", "+role", "+config|get",
            ])
            var configuration = server.configuration
            (configuration.username, configuration.password) = ("tap", Secret("secret"))
            for command in ["REPLCONF", "PSYNC"] {
                let error = try await TapProbe.failure(of: configuration)
                guard case .notPermitted(_, command, _, let rule?)? = error as? RedisError else {
                    Issue.record("failed with \(error)")
                    return
                }
                #expect(rule == "ACL SETUSER tap +psync +replconf +ping")
                try await server.ask(["ACL", "SETUSER", "tap", .text("+\(command.lowercased())")])
            }
            // Nothing else is needed.
            try await TapProbe.running(configuration) { _, events in _ = try await events.nextAttachment() }
        }
    }

    /// Without INFO nothing is known, so it is a full sync, within the limit of an unknown size.
    @Test func `with PSYNC and REPLCONF alone it needs consent`() async throws {
        try await RedisServer.with(Self.undelayed) { server in
            try await server.ask([
                "ACL", "SETUSER", "tap", "on", ">secret", "resetchannels", "-@all", "+psync", "+replconf",
            ])
            var configuration = server.configuration
            (configuration.username, configuration.password) = ("tap", Secret("secret"))
            let error = try await TapProbe.failure(of: configuration)
            #expect(
                error as? TapError
                    == .consentNeeded(
                        endpoint: configuration.endpoint, bytes: nil, limit: TapLimits.defaultFullSyncBytes))
            try await TapProbe.running(configuration, limits: TapLimits(fullSyncBytes: .max)) { _, events in
                let first = try await events.nextAttachment()
                #expect(first.start == .synced)
                try await server.ask(["PUBLISH", "chat", "1"])
                try await events.next(text: "1")
                try await server.ask(["CLIENT", "KILL", "TYPE", "replica"])
                let second = try await events.nextAttachment()
                #expect(second.start == .continued)
                #expect(second.loss == nil)
            }
        }
    }

    @Test(arguments: ["PSYNC", "REPLCONF"]) func `a server without the command says so`(command: String) async throws {
        try await RedisServer.with(["--rename-command", command, ""]) { server in
            let error = try await TapProbe.failure(of: server.configuration)
            guard case .notOffered(_, command, let reply)? = error as? TapError else {
                Issue.record("failed with \(error)")
                return
            }
            #expect(reply.hasPrefix("ERR unknown command"))
        }
    }

    @Test func `the facts are reported before anything is done`() async throws {
        try await RedisServer.with(["--repl-backlog-size", "2mb", "--rename-command", "PSYNC", ""]) { server in
            let facts = try await server.withClient { try await TapFacts.ask($0) }
            #expect(facts.server?.product == "Redis")
            #expect(facts.backlog == nil)
            #expect(facts.backlogSize == 2 << 20)
            #expect(facts.isDiskless == true)
            #expect(facts.syncDelaySeconds == 5)
            #expect(facts.pingPeriodSeconds == 10)
            #expect(facts.minReplicasToWrite == 0)
            #expect(facts.omitsData)
            #expect((facts.memoryBytes ?? 0) > 500_000)
            #expect(facts.refusedCommands == ["PSYNC": "ERR unknown command 'PSYNC'"])
            #expect(TapPlan(facts: facts).way == .openBacklog)
            #expect(try await server.info("sync_full") == "0")
            #expect(try await server.info("connected_slaves") == "0")
        }
    }
}
