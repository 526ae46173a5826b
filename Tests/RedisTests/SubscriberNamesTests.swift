import Logging
import Synchronization
import TestSupport
import Testing

@testable import Redis

/// Names that a running subscriber adds and removes.
@Suite("A subscriber's names", .needs(.redisServer), .timeLimit(.minutes(2)))
struct SubscriberNamesTests {
    private static let hub = [
        SubscribedName(channel: Array("Hub:all".utf8), index: 1, keepsName: true),
        SubscribedName(pattern: Array("Hub:group:*".utf8), beginning: Array("Hub:group:".utf8), index: 1),
    ]

    private static func running(
        _ redis: RedisConfiguration, _ names: [SubscribedName],
        _ body: (RedisSubscriber, inout AsyncStream<SinkEvent>.Iterator) async throws -> Void
    ) async throws {
        let sink = RecordingSink()
        let subscriber = RedisSubscriber(
            configuration: redis, names: names, header: .readable, title: { "test" }, eventLoopGroup: Attaching.group,
            sink: sink, logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
        let run = Task { try await subscriber.run() }
        var events = sink.stream.makeAsyncIterator()
        do {
            guard case .subscribed? = await events.next() else { throw TestFailure("not subscribed") }
            try await body(subscriber, &events)
        } catch {
            run.cancel()
            _ = await run.result
            throw error
        }
        run.cancel()
        try await run.value
    }

    @Test("are subscribed and unsubscribed while it runs", arguments: RedisEdition.allCases)
    func addAndRemove(edition: RedisEdition) async throws {
        try await RedisServer.with(edition: edition) { server in
            let redis = try RedisConfiguration(connectionString: server.url)
            // Without any name it waits on a connection that is not a subscriber yet.
            try await Self.running(redis, []) { subscriber, events in
                let marks = Mutex(0)
                #expect(await subscriber.add(Self.hub) { marks.withLock { $0 += 1 } } == .confirmed)
                #expect(marks.withLock { $0 } == 1)
                for (channel, text) in [
                    ("Hub:all", "a"), ("Hub:group:x", "b"), ("Hub:other", "c"), ("Hub:group:y", "d"),
                ] {
                    try await server.command(["PUBLISH", .text(channel), .text(text)])
                }
                #expect(await events.next() == .envelope(ReceivedEnvelope(1, "Hub:all|1|a")))
                #expect(await events.next() == .envelope(ReceivedEnvelope(1, "Hub:group:x|1|b")))
                #expect(await events.next() == .envelope(ReceivedEnvelope(1, "Hub:group:y|1|d")))
                #expect(await subscriber.add(Self.hub) == .confirmed, "an existing subscription must stay")
                #expect(await subscriber.remove([Self.hub[1].key]) == .confirmed)
                #expect(try await server.command(["PUBLISH", "Hub:group:x", "e"]).integer == 0)
                #expect(try await server.command(["PUBLISH", "Hub:all", "f"]).integer == 1)
                #expect(await events.next() == .envelope(ReceivedEnvelope(1, "Hub:all|1|f")))
            }
        }
    }

    @Test("are subscribed again after a lost connection") func reconnect() async throws {
        try await RedisServer.with { server in
            let redis = try RedisConfiguration(connectionString: server.url)
            try await Self.running(redis, SubscribedName.plain(["chat"])) { subscriber, events in
                #expect(await subscriber.add(Self.hub) == .confirmed)
                try await server.command(["CLIENT", "KILL", "TYPE", "pubsub"])
                #expect(await events.next() == .disconnected(.closedByServer))
                guard case .subscribed? = await events.next() else { throw TestFailure("not subscribed again") }
                #expect(try await server.command(["PUBLISH", "Hub:group:x", "b"]).integer == 1)
                #expect(try await server.command(["PUBLISH", "chat", "1 a"]).integer == 1)
                #expect(await events.next() == .envelope(ReceivedEnvelope(1, "Hub:group:x|1|b")))
                #expect(await events.next() == .envelope(ReceivedEnvelope(0, "1 a")))
            }
        }
    }

    @Test("that Redis refuses do not affect others", arguments: RedisEdition.allCases)
    func refused(edition: RedisEdition) async throws {
        try await RedisServer.with(edition: edition) { server in
            // The exact channel is permitted, the pattern is not.
            try await server.command([
                "ACL", "SETUSER", "relay", "on", ">secret", "resetchannels", "&chat", "&Hub:all", "+@all",
            ])
            var redis = try RedisConfiguration(connectionString: server.url)
            redis.username = "relay"
            redis.password = Secret("secret")
            try await Self.running(redis, SubscribedName.plain(["chat"])) { subscriber, events in
                let isMarked = Mutex(false)
                let change = await subscriber.add(Self.hub) { isMarked.withLock { $0 = true } }
                guard case .refused(let reason) = change else { throw TestFailure("not refused but \(change)") }
                #expect(reason.hasPrefix("NOPERM"))
                #expect(!isMarked.withLock { $0 })
                #expect(try await server.command(["PUBLISH", "Hub:all", "a"]).integer == 0, "none of them is kept")
                #expect(try await server.command(["PUBLISH", "chat", "1 a"]).integer == 1)
                #expect(await events.next() == .envelope(ReceivedEnvelope(0, "1 a")))
                // The next connection does not fail because of it.
                try await server.command(["CLIENT", "KILL", "TYPE", "pubsub"])
                #expect(await events.next() == .disconnected(.closedByServer))
                guard case .subscribed? = await events.next() else { throw TestFailure("not subscribed again") }
            }
        }
    }

    @Test("are confirmed by Redis' reply only, also if they are requested twice at once")
    func requestedTwice() async throws {
        try await RedisServer.with { server in
            try await server.command([
                "ACL", "SETUSER", "relay", "on", ">secret", "resetchannels", "&chat", "+@all",
            ])
            var redis = try RedisConfiguration(connectionString: server.url)
            redis.username = "relay"
            redis.password = Secret("secret")
            try await Self.running(redis, SubscribedName.plain(["chat"])) { subscriber, _ in
                for _ in 1...20 {
                    let changes = await withTaskGroup(of: RedisSubscriber.Change.self) { group in
                        for _ in 1...8 { group.addTask { await subscriber.add(Self.hub) } }
                        return await group.reduce(into: []) { $0.append($1) }
                    }
                    #expect(changes.allSatisfy { if case .refused = $0 { true } else { false } }, "\(changes)")
                }
            }
        }
    }

    @Test("are subscribed later if there is no connection") func later() async throws {
        let subscriber = RedisSubscriber(
            configuration: try RedisConfiguration(connectionString: "redis://127.0.0.1:1"), names: [],
            header: .readable, title: { "test" }, eventLoopGroup: Attaching.group, sink: RecordingSink(),
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
        #expect(await subscriber.add(Self.hub) == .later)
    }
}
