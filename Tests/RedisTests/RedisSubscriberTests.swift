import Logging
import NIOCore
import NIOPosix
import Redis
import TestSupport
import Testing

/// ``RedisSubscriber`` against a real redis-server.
@Suite(.needs(.redisServer), .timeLimit(.minutes(1)), .serialized)
struct RedisSubscriberTests {
    private let group = MultiThreadedEventLoopGroup.singleton

    /// The events of a running subscriber, one at a time.
    private struct Events: ~Copyable {
        private var iterator: AsyncStream<SinkEvent>.Iterator

        init(of sink: RecordingSink) {
            iterator = sink.stream.makeAsyncIterator()
        }

        mutating func next() async throws -> SinkEvent {
            try #require(await iterator.next(isolation: #isolation), "the time limit of the test was reached")
        }

        /// - Returns: the server's `run_id`.
        mutating func nextIsSubscribed() async throws -> String {
            let event = try await next()
            guard case .subscribed(let subscription) = event, let info = subscription.server else {
                throw TestFailure("not subscribed but \(event)")
            }
            return info.runID
        }
    }

    /// Runs a subscriber until `body` returns, and checks that it ends by a stop.
    private func withSubscriber(
        _ configuration: RedisConfiguration, channels: [String] = ["chat"],
        logger: Logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() },
        _ body: (inout Events) async throws -> Void
    ) async throws {
        let sink = RecordingSink()
        let subscriber = RedisSubscriber(
            configuration: configuration, channels: channels, eventLoopGroup: group, sink: sink, logger: logger)
        let run = Task { try await subscriber.run() }
        var events = Events(of: sink)
        do {
            try await body(&events)
        } catch {
            run.cancel()
            throw error
        }
        run.cancel()
        try await run.value
        #expect(sink.events.last == .disconnected(.stopped))
    }

    private func withClient(
        _ configuration: RedisConfiguration, _ body: (RedisClient) async throws -> Void
    ) async throws {
        let client = try await RedisClient.connect(to: configuration, eventLoopGroup: group)
        do {
            try await body(client)
        } catch {
            await client.close()
            throw error
        }
        await client.close()
    }

    private func publish(_ payload: [UInt8], on channel: String = "chat", of server: RedisServer) async throws {
        try await withClient(server.configuration) { client in
            let receivers = try await client.send(["PUBLISH", .text(channel), .bytes(payload)])
            #expect(receivers == .integer(1))
        }
    }

    // MARK: - Envelopes

    @Test func binaryPayloadsArriveByteForByte() async throws {
        var random = SplitMix64(seed: 7)
        let payloads: [[UInt8]] = [
            [], [0], [13, 10], Array("*3\r\n$7\r\nmessage\r\n".utf8), [UInt8](0...255), random.bytes(16 * 1024),
            random.bytes(300_000), Array("1 end".utf8),
        ]
        try await RedisServer.with { server in
            try await withSubscriber(server.configuration) { events in
                _ = try await events.nextIsSubscribed()
                try await withClient(server.configuration) { client in
                    for payload in payloads { try await client.send(["PUBLISH", "chat", .bytes(payload)]) }
                }
                for payload in payloads {
                    let event = try await events.next()
                    #expect(event == .envelope(ReceivedEnvelope(0, payload)))
                }
            }
        }
    }

    @Test func manyEnvelopesArriveInOrder() async throws {
        let count = 20_000
        try await RedisServer.with { server in
            try await withSubscriber(server.configuration) { events in
                _ = try await events.nextIsSubscribed()
                var bytes = ByteBuffer()
                for number in 0..<count { RESPEncoder.encode(["PUBLISH", "chat", "\(number) x"], into: &bytes) }
                try await withClient(server.configuration) { client in
                    client.pipeline(bytes, count: count) { _ in }
                    for number in 0..<count {
                        let event = try await events.next()
                        try #require(event == .envelope(ReceivedEnvelope(0, "\(number) x")))
                    }
                }
            }
        }
    }

    @Test func channelsAreDistinguishedByTheirIndex() async throws {
        try await RedisServer.with { server in
            try await withSubscriber(server.configuration, channels: ["chat", "orders", "chät"]) { events in
                _ = try await events.nextIsSubscribed()
                for (index, channel) in ["chat", "orders", "chät"].enumerated().reversed() {
                    try await publish(Array("1 \(channel)".utf8), on: channel, of: server)
                    let event = try await events.next()
                    #expect(event == .envelope(ReceivedEnvelope(index, "1 \(channel)")))
                }
            }
        }
    }

    // MARK: - Reconnecting

    @Test func reconnectsAfterClientKill() async throws {
        try await RedisServer.with { server in
            try await withSubscriber(server.configuration) { events in
                let runID = try await events.nextIsSubscribed()
                for round in 1...3 {
                    try await withClient(server.configuration) { client in
                        let killed = try await client.send(["CLIENT", "KILL", "TYPE", "pubsub"])
                        #expect(killed == .integer(1))
                    }
                    let lost = try await events.next()
                    #expect(lost == .disconnected(.closedByServer))
                    let again = try await events.nextIsSubscribed()
                    #expect(again == runID)
                    try await publish([UInt8(round)], of: server)
                    let event = try await events.next()
                    #expect(event == .envelope(ReceivedEnvelope(0, [UInt8(round)])))
                }
            }
        }
    }

    @Test func reconnectsAfterARestartAndDetectsIt() async throws {
        try await RedisServer.with { server in
            try await withSubscriber(server.configuration) { events in
                let before = try await events.nextIsSubscribed()
                await server.stop()
                guard case .disconnected = try await events.next() else {
                    Issue.record("the end of the server was not detected")
                    return
                }
                try await server.start()
                let after = try await events.nextIsSubscribed()
                #expect(after != before)
                try await publish([1], of: server)
                let event = try await events.next()
                #expect(event == .envelope(ReceivedEnvelope(0, [1])))
            }
        }
    }

    @Test func waitsForAServerThatIsNotRunningYet() async throws {
        let log = LogCollector()
        try await RedisServer.with { server in
            await server.stop()
            try await withSubscriber(server.configuration, logger: log.logger) { events in
                for await message in log.messages where message.contains("cannot subscribe, trying again") { break }
                try await server.start()
                _ = try await events.nextIsSubscribed()
                try await publish([1], of: server)
                let event = try await events.next()
                #expect(event == .envelope(ReceivedEnvelope(0, [1])))
            }
        }
    }

    /// After a first success even a wrong password may be a temporary state of the server.
    @Test func retriesEvenAChangedPassword() async throws {
        let log = LogCollector()
        try await RedisServer.with { server in
            try await withSubscriber(server.configuration, logger: log.logger) { events in
                _ = try await events.nextIsSubscribed()
                try await withClient(server.configuration) { client in
                    try await client.send(["CONFIG", "SET", "requirepass", "hunter2"])
                    try await client.send(["CLIENT", "KILL", "TYPE", "pubsub"])
                    let lost = try await events.next()
                    #expect(lost == .disconnected(.closedByServer))
                    for await message in log.messages where message.contains("NOAUTH") { break }
                    try await client.send(["CONFIG", "SET", "requirepass", ""])
                }
                _ = try await events.nextIsSubscribed()
            }
        }
    }

    // MARK: - Permanent errors

    private func failure(of configuration: RedisConfiguration) async throws -> RedisError {
        let subscriber = RedisSubscriber(
            configuration: configuration, channels: ["chat"], eventLoopGroup: group, sink: RecordingSink(),
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
        return try await #require(throws: RedisError.self) { try await subscriber.run() }
    }

    @Test func wrongPasswordIsThrown() async throws {
        try await RedisServer.with(["--requirepass", "hunter2"]) { server in
            var configuration = server.configuration
            configuration.password = Secret("hunter3")
            let wrong = try await failure(of: configuration)
            guard case .authenticationFailed(_, let reply) = wrong else {
                Issue.record("failed with \(wrong)")
                return
            }
            #expect(reply.hasPrefix("WRONGPASS"))
            #expect(!wrong.isTransient)
            #expect(!wrong.description.contains("hunter"))

            configuration.password = nil
            let missing = try await failure(of: configuration)
            #expect(missing.description.contains("NOAUTH"))

            configuration.password = Secret("hunter2")
            try await withSubscriber(configuration) { events in _ = try await events.nextIsSubscribed() }
        }
    }

    @Test func missingPermissionIsThrown() async throws {
        try await RedisServer.with { server in
            try await withClient(server.configuration) { client in
                try await client.send(
                    ["ACL", "SETUSER", "relay", "on", ">hunter2", "+subscribe", "+ping", "resetchannels", "&orders"])
            }
            var configuration = server.configuration
            configuration.username = "relay"
            configuration.password = Secret("hunter2")
            let failure = try await failure(of: configuration)
            guard case .notPermitted(_, let command, _, let rule) = failure else {
                Issue.record("failed with \(failure)")
                return
            }
            #expect(command == "SUBSCRIBE")
            #expect(rule == "ACL SETUSER relay &chat")
        }
    }

    /// Neither CLIENT, ROLE nor INFO is required.
    @Test func minimumPermissionsSuffice() async throws {
        try await RedisServer.with { server in
            try await withClient(server.configuration) { client in
                try await client.send(
                    ["ACL", "SETUSER", "relay", "on", ">hunter2", "+subscribe", "+ping", "resetchannels", "&chat"])
            }
            var configuration = server.configuration
            configuration.username = "relay"
            configuration.password = Secret("hunter2")
            try await withSubscriber(configuration) { events in
                let event = try await events.next()
                #expect(event == .subscribed(Subscription(server: nil, endpoint: configuration.endpoint)))
                try await publish([1], of: server)
                let envelope = try await events.next()
                #expect(envelope == .envelope(ReceivedEnvelope(0, [1])))
            }
        }
    }

    // MARK: - Stopping

    @Test func stopsWhileWaitingToReconnect() async throws {
        let log = LogCollector()
        let subscriber = RedisSubscriber(
            configuration: RedisConfiguration(host: "127.0.0.1", port: try FreePort.find()),
            channels: ["chat"], eventLoopGroup: group, sink: RecordingSink(), logger: log.logger)
        let run = Task { try await subscriber.run() }
        for await message in log.messages where message.contains("cannot subscribe, trying again") { break }
        run.cancel()
        try await run.value
    }

    @Test func stopsDuringTheHandshake() async throws {
        try await RedisServer.with { server in
            server.freeze()
            let sink = RecordingSink()
            let subscriber = RedisSubscriber(
                configuration: server.configuration, channels: ["chat"], eventLoopGroup: group, sink: sink,
                logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
            let run = Task { try await subscriber.run() }
            run.cancel()
            try await run.value
            #expect(sink.events.isEmpty)
        }
    }
}
