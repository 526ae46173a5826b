import SignalRClient
import Loopback
import Logging
import NIOCore
import NIOPosix
import Redis

/// A subscription to the channel, for as long as a closure runs.
struct ChannelListening: Sendable {
    private static let subscribeTimeout: Duration = .seconds(10)

    let redis: RedisConfiguration
    let channel: String
    let logger: Logger

    /// - Parameter onPublished: told each message on the channel.
    /// - Throws: ``SetupError`` if the subscription does not come about; what it or `body` throws.
    func run<Value: Sendable>(
        onPublished: @escaping @Sendable (UInt64, String, [UInt8]) -> Void,
        _ body: @escaping @Sendable () async throws -> Value
    ) async throws -> Value {
        let (subscriptions, subscribed) = AsyncStream.makeStream(of: Void.self)
        let listener = BackplaneListener(onPublished: onPublished) { subscribed.yield() }
        let subscriber = RedisSubscriber(
            configuration: redis, channels: [channel], eventLoopGroup: MultiThreadedEventLoopGroup.singleton,
            sink: listener, logger: logger)
        return try await withThrowingTaskGroup(of: Value?.self) { group in
            group.addTask {
                try await subscriber.run()
                return nil
            }
            group.addTask {
                try await Deadline.run(
                    within: Self.subscribeTimeout, on: MultiThreadedEventLoopGroup.singleton.any(),
                    expired: SetupError("no subscription to '\(channel)' on \(redis.endpoint) within 10 s")
                ) {
                    for await _ in subscriptions { return }
                    throw CancellationError()
                }
                return try await body()
            }
            defer { group.cancelAll() }
            guard let value = try await group.next() ?? nil else { throw CancellationError() }
            return value
        }
    }
}
