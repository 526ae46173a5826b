import NIOCore
import TestSupport
import Testing

@testable import Redis

/// ``ReplicationTap`` at real servers: what it reads, and what they notice of it.
@Suite(.needs(.redisServer), .timeLimit(.minutes(3)))
struct ReplicationTapTests {
    /// A server whose own PING does not move the offset under the test.
    private static let quiet = ["--repl-ping-replica-period", "3600"]

    // MARK: - Reading

    @Test(.needs(editions: .redis6, .redis7, .valkey9), arguments: RedisEdition.allCases)
    func `every PUBLISH arrives in order, the offset is the server's, and no fork was needed`(
        edition: RedisEdition
    ) async throws {
        try await RedisServer.with(Self.quiet + ["--repl-diskless-sync", "yes"], edition: edition) { server in
            try await TapProbe.running(server.configuration) { tap, events in
                let attachment = try await events.nextAttachment()
                #expect(attachment.start == .joined)
                #expect(attachment.loss == nil)
                #expect(!attachment.facts.isReplica)
                let replies = try await server.ask(
                    ["PUBLISH", "chat", "1"], ["SET", "k", .bytes([UInt8](repeating: 42, count: 8 << 20))],
                    ["publish", "orders", .bytes([UInt8](0...255))],
                    ["MULTI"], ["INCR", "n"], ["PUBLISH", "chat", "2"], ["PUBLISH", "chat", "3"], ["EXEC"],
                    ["EVAL", "redis.call('publish', 'chat', '4'); redis.call('incr', 'n'); return 1", "0"],
                    ["SELECT", "4"], ["PUBLISH", "stranger", "x"], ["FLUSHALL"], ["PUBLISH", "chat", "5"],
                    ["WAIT", "1", "20"], ["PUBSUB", "NUMSUB", "chat"])
                #expect(replies.first == .integer(0), "PUBLISH counts the tap")
                #expect(replies[13] == .integer(0), "WAIT counts the tap")
                #expect(replies[14].array?.last == .integer(0))
                let isPassed = await tap.fence {}
                #expect(isPassed)
                let envelopes = events.probe.events.compactMap { event in
                    if case .envelope(let envelope) = event { envelope } else { nil }
                }
                #expect(
                    envelopes == [
                        ReceivedEnvelope(0, "1"), ReceivedEnvelope(1, [UInt8](0...255)), ReceivedEnvelope(0, "2"),
                        ReceivedEnvelope(0, "3"), ReceivedEnvelope(0, "4"), ReceivedEnvelope(0, "5"),
                    ])
                let offset = try await server.offset()
                #expect(tap.position?.offset == offset)
                #expect(tap.figures.commands[.publish] == 6)
                #expect(tap.figures.commands[.otherPublish] == 1)
                #expect(tap.figures.streamBytes == (offset ?? 0) - attachment.position.offset)
                #expect(tap.figures.isAttached)
                #expect(try await server.info("latest_fork_usec") == "0")
                let seen = try await server.info("slave0")
                #expect(seen?.contains("port=0,") == true)
            }
            #expect(try await server.info("connected_slaves") == "0")
        }
    }

    /// A replica always has a backlog, and its master notices nothing.
    @Test(.needs(editions: .redis6, .redis7, .valkey9), arguments: RedisEdition.allCases)
    func `at a replica it joins at once, and follows its promotion without a loss`(edition: RedisEdition) async throws {
        try await RedisServer.with(Self.quiet + ["--repl-diskless-sync-delay", "0"], edition: edition) { master in
            try await RedisServer.with(["--replicaof", "127.0.0.1", "\(master.port)"], edition: edition) { replica in
                try await replica.waitForLink()
                try await TapProbe.running(replica.configuration) { tap, events in
                    let joined = try await events.nextAttachment()
                    #expect(joined.start == .joined)
                    #expect(joined.facts.isReplica)
                    #expect(try await replica.info("sync_full") == "0")
                    #expect(try await master.info("connected_slaves") == "1")
                    try await master.ask(["PUBLISH", "chat", "1"])
                    try await events.next(text: "1")
                    await master.stop()
                    try await replica.ask(["REPLICAOF", "NO", "ONE"])
                    let after = try await events.nextAttachment()
                    #expect(after.start == .continued)
                    #expect(after.loss == nil)
                    #expect(!after.facts.isReplica)
                    #expect(after.position.history != joined.position.history)
                    try await replica.ask(["PUBLISH", "chat", "2"])
                    try await events.next(text: "2")
                    #expect(events.probe.texts == ["1", "2"])
                    #expect(tap.position?.history == after.position.history)
                }
            }
        }
    }

    /// What the tap had read of the master is what the new master continues.
    @Test func `another server of the same history continues where the tap was`() async throws {
        try await RedisServer.with(Self.quiet + ["--repl-diskless-sync-delay", "0"]) { master in
            try await RedisServer.with(["--replicaof", "127.0.0.1", "\(master.port)"]) { replica in
                try await replica.waitForLink()
                var last: ReplicationPosition?
                try await TapProbe.running(master.configuration) { tap, events in
                    _ = try await events.nextAttachment()
                    try await master.ask(["PUBLISH", "chat", "1"])
                    try await events.next(text: "1")
                    last = tap.position
                }
                try await master.ask(["PUBLISH", "chat", "2"])
                let end = try await master.offset()
                try await eventually("the replica has all") { try await replica.offset() == end ? true : nil }
                await master.stop()
                try await replica.ask(["REPLICAOF", "NO", "ONE"], ["PUBLISH", "chat", "3"])
                try await TapProbe.running(replica.configuration, last: last) { _, events in
                    let after = try await events.nextAttachment()
                    #expect(after.start == .continued)
                    #expect(after.loss == nil)
                    try await events.next(text: "3")
                    #expect(events.probe.texts == ["2", "3"])
                }
            }
        }
    }

    /// A master executes commands until it is demoted, and the tap reads them.
    @Test func `what was read after the fork causes no gap at the promoted replica`() async throws {
        try await RedisServer.with(Self.quiet + ["--repl-diskless-sync-delay", "0"]) { master in
            try await RedisServer.with(["--replicaof", "127.0.0.1", "\(master.port)"]) { replica in
                try await replica.waitForLink()
                var last: ReplicationPosition?
                try await TapProbe.running(master.configuration) { tap, events in
                    _ = try await events.nextAttachment()
                    try await master.ask(["PUBLISH", "chat", "1"], ["WAIT", "1", "20000"])
                    try await replica.ask(["REPLICAOF", "NO", "ONE"], ["PUBLISH", "chat", "2"])
                    try await master.ask(["PUBLISH", "chat", "old"])
                    try await events.next(text: "old")
                    last = tap.position
                }
                try await TapProbe.running(replica.configuration, last: last) { _, events in
                    let after = try await events.nextAttachment()
                    #expect(after.start == .continued)
                    #expect(after.loss == nil)
                    try await events.next(text: "2")
                    #expect(events.probe.texts == ["2"])
                }
            }
        }
    }

    @Test func `wanted names change at a point of the stream`() async throws {
        try await RedisServer.with(Self.quiet + ["--repl-diskless-sync-delay", "0"]) { server in
            try await TapProbe.running(server.configuration, names: SubscribedName.plain(["chat"])) { tap, events in
                _ = try await events.nextAttachment()
                try await server.ask(["PUBLISH", "late", "1"], ["PUBLISH", "chat", "a"])
                try await events.next(text: "a")
                let change = await tap.add([SubscribedName(channel: "late", index: 0)])
                #expect(change == .confirmed)
                try await server.ask(["PUBLISH", "late", "2"])
                try await events.next(text: "2")
                await tap.remove([SubscribedName(channel: "late", index: 0).key])
                try await server.ask(["PUBLISH", "late", "3"], ["PUBLISH", "chat", "b"])
                try await events.next(text: "b")
                #expect(events.probe.texts == ["a", "2", "b"])
            }
        }
    }

    // MARK: - Losing the connection

    @Test(.needs(editions: .redis6, .redis7, .valkey9), arguments: RedisEdition.allCases)
    func `killed again and again it misses nothing and delivers nothing twice`(edition: RedisEdition) async throws {
        let count = 3_000
        try await RedisServer.with(
            ["--repl-diskless-sync", "yes", "--repl-backlog-size", "64mb"], edition: edition
        ) { server in
            try await TapProbe.running(server.configuration) { tap, events in
                _ = try await events.nextAttachment()
                try await server.withClient { client in
                    for number in 1...count {
                        try await client.send(["PUBLISH", "chat", "\(number)"])
                        if number % 500 == 250 { try await client.send(["CLIENT", "KILL", "TYPE", "replica"]) }
                    }
                }
                try await events.next(text: "\(count)")
                #expect(events.probe.texts == (1...count).map { "\($0)" })
                let again = events.probe.attachments.dropFirst()
                #expect(!again.isEmpty)
                #expect(again.allSatisfy { $0.start == .continued && $0.loss == nil })
                #expect(tap.figures.fullSyncs == 0)
            }
        }
    }

    /// In one transaction, so that the tap cannot be back before the backlog is overrun.
    @Test(.needs(editions: .redis6, .redis7, .valkey9), arguments: RedisEdition.allCases)
    func `an overrun backlog is reported in bytes, and needs no full sync`(edition: RedisEdition) async throws {
        try await RedisServer.with(
            Self.quiet + ["--repl-diskless-sync", "yes", "--repl-backlog-size", "16kb"], edition: edition
        ) { server in
            try await TapProbe.running(server.configuration) { tap, events in
                _ = try await events.nextAttachment()
                try await server.ask(["PUBLISH", "chat", "1"])
                try await events.next(text: "1")
                let before = try #require(tap.position)
                try await server.ask(
                    ["MULTI"], ["CLIENT", "KILL", "TYPE", "replica"], ["PUBLISH", "chat", "lost"],
                    ["SET", "k", .bytes([UInt8](repeating: 42, count: 4 << 20))], ["EXEC"])
                let after = try await events.nextAttachment()
                #expect(after.start == .joined)
                let end = try #require(try await server.offset())
                #expect(after.loss == .backlogLost(bytes: after.position.offset - before.offset))
                #expect(after.position.offset == end)
                #expect(after.position.offset > before.offset + 4 << 20)
                try await server.ask(["PUBLISH", "chat", "2"])
                try await events.next(text: "2")
                #expect(events.probe.texts == ["1", "2"])
                #expect(try await server.info("latest_fork_usec") == "0")
            }
        }
    }

    /// The server disconnects a replica that reads too slowly. Here within one command, before it can read.
    @Test func `disconnected at the output buffer limit it accounts for every byte`() async throws {
        let script =
            "for i = 1, 400 do redis.call('publish', 'chat', i .. ' ' .. string.rep('x', 20000)) end return redis.status_reply('done')"
        try await RedisServer.with(
            Self.quiet + [
                "--repl-diskless-sync", "yes", "--repl-backlog-size", "1mb", "--client-output-buffer-limit",
                "replica", "2mb", "0", "0",
            ]
        ) { server in
            try await TapProbe.running(server.configuration) { tap, events in
                let first = try await events.nextAttachment()
                try await server.ask(["EVAL", .text(script), "0"])
                let cause = try await events.nextEnd()
                #expect([.closedByServer, .ioError("connection reset by peer")].contains(cause))
                let again = try await events.nextAttachment()
                guard case .backlogLost(let bytes) = again.loss else {
                    Issue.record("no loss is told: \(again)")
                    return
                }
                let end = try #require(try await server.offset())
                #expect(again.position.offset == end)
                let isPassed = await tap.fence {}
                #expect(isPassed)
                #expect(tap.figures.streamBytes + bytes == end - first.position.offset)
            }
        }
    }

    @Test func `a restarted server has another history`() async throws {
        try await RedisServer.with(Self.quiet) { server in
            try await TapProbe.running(server.configuration) { tap, events in
                _ = try await events.nextAttachment()
                await server.stop()
                _ = try await events.nextEnd()
                try await server.start()
                let after = try await events.nextAttachment()
                #expect(after.start == .joined)
                #expect(after.loss == .otherHistory)
                try await server.ask(["PUBLISH", "chat", "1"])
                try await events.next(text: "1")
            }
        }
    }

    @Test func `a frozen server is given up, and nothing is missing afterwards`() async throws {
        let timing = ReplicationTap.Timing(
            ackInterval: .milliseconds(50), handshakeTimeout: .seconds(1), silence: .milliseconds(300))
        try await RedisServer.with(Self.quiet) { server in
            var configuration = server.configuration
            configuration.answerTimeoutMilliseconds = 1_000
            try await TapProbe.running(configuration, timing: timing) { _, events in
                _ = try await events.nextAttachment()
                server.freeze()
                let cause = try await events.nextEnd()
                #expect(cause == .noAnswer)
                server.thaw()
                let again = try await events.nextAttachment()
                #expect(again.start == .continued)
                try await server.ask(["PUBLISH", "chat", "1"])
                try await events.next(text: "1")
            }
        }
    }

    /// Like a replica whose master is down. The server is queried, and has nothing more.
    @Test func `a silent server is not given up while it answers`() async throws {
        let timing = ReplicationTap.Timing(ackInterval: .milliseconds(20), silence: .milliseconds(60))
        try await RedisServer.with(Self.quiet) { server in
            try await TapProbe.running(server.configuration, timing: timing) { tap, events in
                _ = try await events.nextAttachment()
                var others: Int?
                try await eventually("it was asked ten times") { () -> Bool? in
                    // One of them is this question's own.
                    let connections = try await server.info("total_connections_received").flatMap { Int($0) } ?? 0
                    others = (others ?? connections) + 1
                    return connections - (others ?? 0) >= 10 ? true : nil
                }
                try await server.ask(["PUBLISH", "chat", "1"])
                try await events.next(text: "1")
                #expect(events.probe.attachments.count == 1)
            }
        }
    }

    @Test func `over TLS`() async throws {
        try await Certificates.with { certificates in
            try certificates.make("redis")
            let port = try FreePort.find()
            try await RedisServer.with(
                certificates.serverArguments("redis", port: port, demandsClientCertificate: false)
            ) { server in
                let configuration = RedisConfiguration(
                    host: "localhost", port: port, tls: RedisTLS(caFile: certificates.path("ca.crt")))
                try await TapProbe.running(configuration) { tap, events in
                    _ = try await events.nextAttachment()
                    try await server.ask(["PUBLISH", "chat", "1"], ["CLIENT", "KILL", "TYPE", "replica"])
                    try await events.next(text: "1")
                    let again = try await events.nextAttachment()
                    #expect(again.start == .continued)
                    let isPassed = await tap.fence {}
                    #expect(isPassed)
                }
            }
        }
    }

    // MARK: - Sentinel

    /// A tap at the replica and one at the master: neither is promoted, and both go on after it.
    @Test(.needs(.redisCLI)) func `a failover by Sentinel is followed, and the tap is no candidate`() async throws {
        try await RedisServer.with(Self.quiet + ["--repl-diskless-sync-delay", "0"]) { first in
            try await RedisServer.with(["--replicaof", "127.0.0.1", "\(first.port)"]) { second in
                try await Sentinel.with(watching: first) { sentinel in
                    try await second.waitForLink()
                    try await TapProbe.running(first.configuration) { _, atMaster in
                        _ = try await atMaster.nextAttachment()
                        try await TapProbe.running(second.configuration) { _, atReplica in
                            _ = try await atReplica.nextAttachment()
                            try await first.ask(["PUBLISH", "chat", "1"])
                            try await atReplica.next(text: "1")
                            try await atMaster.next(text: "1")
                            try await sentinel.waitForReplica()
                            try await sentinel.failOver()
                            let promoted = try await atReplica.nextAttachment()
                            #expect(promoted.start == .continued)
                            #expect(promoted.loss == nil)
                            #expect(!promoted.facts.isReplica)
                            // Sentinel kills the connections of a server that it reconfigures, also this one.
                            try await eventually("the old master follows the new one") {
                                (try? await first.info("master_link_status")) == "up" ? true : nil
                            }
                            try await second.ask(["PUBLISH", "chat", "2"])
                            try await atReplica.next(text: "2")
                            try await atMaster.next(text: "2")
                            #expect(atReplica.probe.texts == ["1", "2"])
                            #expect(atMaster.probe.texts == ["1", "2"])
                        }
                    }
                }
            }
        }
    }
}
