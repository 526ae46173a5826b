import Backplane
import Logging
import Loopback
import NIOConcurrencyHelpers
import NIOCore
import NIOPosix
import Redis
import SignalRClient

/// A subscription to the channel, for as long as a closure runs.
struct ChannelListening: Sendable {
    private static let subscribeTimeout: Duration = .seconds(10)

    let redis: RedisConfiguration
    let channel: String
    let logger: Logger

    /// - Parameter onPublished: called with each message on the channel.
    /// - Throws: ``SetupError`` if the subscription fails; its errors and those of `body`.
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

/// Learns the ids of messages from the channel, because nodes of other processes do not report them.
final class BackplaneListener: EnvelopeSink {
    /// Messages of a check are far smaller; larger payloads on the event key are not kept.
    private static let largestEnvelope = 1 << 20

    private let onPublished: @Sendable (_ envelope: UInt64, _ key: String, _ value: [UInt8]) -> Void
    private let onSubscribed: @Sendable () -> Void

    init(
        onPublished: @escaping @Sendable (_ envelope: UInt64, _ key: String, _ value: [UInt8]) -> Void,
        onSubscribed: @escaping @Sendable () -> Void
    ) {
        self.onPublished = onPublished
        self.onSubscribed = onSubscribed
    }

    func nextBatch() -> EnvelopeBatch { EnvelopeBatch() }

    func deliver(_ batch: EnvelopeBatch) {
        batch.forEach { _, _, payload in
            // Payloads that do not decode are not messages of the check.
            guard let envelope = try? Envelope(decoding: payload) else { return }
            for message in envelope.body.messages { onPublished(envelope.id, message.key, message.value) }
        }
    }

    func admission(ofPayload bytes: Int, channel: Int) -> PayloadAdmission {
        bytes <= Self.largestEnvelope ? .take : .tooLarge
    }

    func subscribed(_ subscription: Subscription) { onSubscribed() }

    func disconnected(_ cause: DisconnectCause) {}
}
