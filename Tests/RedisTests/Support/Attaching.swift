import Logging
import NIOCore
import NIOPosix
import Redis
import TestSupport
import Testing

/// Runs subscribers and clients for tests of how they attach.
enum Attaching {
    static let group = MultiThreadedEventLoopGroup.singleton

    /// The events of a running subscriber, one at a time.
    struct Events: ~Copyable {
        private var iterator: AsyncStream<SinkEvent>.Iterator

        fileprivate init(of sink: RecordingSink) {
            iterator = sink.stream.makeAsyncIterator()
        }

        mutating func next() async throws -> SinkEvent {
            try #require(await iterator.next(isolation: #isolation), "the time limit of the test was reached")
        }

        mutating func nextSubscription() async throws -> Subscription {
            let event = try await next()
            guard case .subscribed(let subscription) = event else {
                throw TestFailure("not subscribed but \(event)")
            }
            return subscription
        }
    }

    /// Runs a subscriber of `chat` until `body` returns.
    static func subscriber(
        _ configuration: RedisConfiguration, logger: Logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() },
        _ body: (inout Events) async throws -> Void
    ) async throws {
        let sink = RecordingSink()
        let subscriber = RedisSubscriber(
            configuration: configuration, channels: ["chat"], eventLoopGroup: group, sink: sink, logger: logger)
        let run = Task { try await subscriber.run() }
        // An early end also ends the wait for events.
        let watch = Task {
            _ = await run.result
            sink.finish()
        }
        defer { watch.cancel() }
        var events = Events(of: sink)
        do {
            try await body(&events)
        } catch {
            run.cancel()
            try await run.value
            throw error
        }
        run.cancel()
        try await run.value
    }

    /// Why a first subscription fails permanently.
    static func failure(of configuration: RedisConfiguration) async throws -> RedisError {
        let subscriber = RedisSubscriber(
            configuration: configuration, channels: ["chat"], eventLoopGroup: group, sink: RecordingSink(),
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
        return try await #require(throws: RedisError.self) { try await subscriber.run() }
    }

    /// Why a client cannot connect.
    static func refusal(of configuration: RedisConfiguration) async -> RedisError? {
        do {
            try await client(configuration) { _ in }
            return nil
        } catch {
            return error as? RedisError
        }
    }

    @discardableResult
    static func client<Value>(
        _ configuration: RedisConfiguration, isolation: isolated (any Actor)? = #isolation,
        _ body: (RedisClient) async throws -> Value
    ) async throws -> Value {
        let client = try await RedisClient.connect(to: configuration, eventLoopGroup: group)
        do {
            let value = try await body(client)
            await client.close()
            return value
        } catch {
            await client.close()
            throw error
        }
    }

    static func publish(_ payload: String, to configuration: RedisConfiguration) async throws -> RESPValue {
        try await client(configuration) { try await $0.send(["PUBLISH", "chat", .text(payload)]) }
    }
}
