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

    /// - Parameters:
    ///   - hub: the hub whose channel for all clients is subscribed to.
    ///   - onPublished: called with each payload.
    /// - Throws: ``SetupError`` if the subscription fails; its errors and those of `body`.
    func run<Value: Sendable>(
        _ hub: CoreHub, onPublished: @escaping @Sendable ([UInt8]) -> Void,
        _ body: @escaping @Sendable () async throws -> Value
    ) async throws -> Value {
        try await run(channel: hub.channel(.all), onPayload: { onPublished(Array($0)) }, body)
    }

    /// - Parameter onPublished: called with each message on the channel.
    /// - Throws: ``SetupError`` if the subscription fails; its errors and those of `body`.
    func run<Value: Sendable>(
        onPublished: @escaping @Sendable (UInt64, String, [UInt8]) -> Void,
        _ body: @escaping @Sendable () async throws -> Value
    ) async throws -> Value {
        try await run(
            channel: channel,
            onPayload: { payload in
                // Payloads that do not decode are not messages of the check.
                guard let envelope = try? Envelope(decoding: payload) else { return }
                for message in envelope.body.messages { onPublished(envelope.id, message.key, message.value) }
            }, body)
    }

    private func run<Value: Sendable>(
        channel: String, onPayload: @escaping @Sendable (UnsafeRawBufferPointer) -> Void,
        _ body: @escaping @Sendable () async throws -> Value
    ) async throws -> Value {
        let (subscriptions, subscribed) = AsyncStream.makeStream(of: Void.self)
        let listener = BackplaneListener(onPayload: onPayload) { subscribed.yield() }
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

/// Receives what nodes of other processes publish, because they do not report it.
final class BackplaneListener: EnvelopeSink {
    /// Messages of a check are far smaller; larger payloads on the event key are not kept.
    private static let largestEnvelope = 1 << 20

    private let onPayload: @Sendable (UnsafeRawBufferPointer) -> Void
    private let onSubscribed: @Sendable () -> Void

    init(
        onPayload: @escaping @Sendable (UnsafeRawBufferPointer) -> Void,
        onSubscribed: @escaping @Sendable () -> Void
    ) {
        self.onPayload = onPayload
        self.onSubscribed = onSubscribed
    }

    func nextBatch() -> EnvelopeBatch { EnvelopeBatch() }

    func deliver(_ batch: EnvelopeBatch) {
        batch.forEach { _, _, payload in onPayload(payload) }
    }

    func admission(ofPayload bytes: Int, channel: Int) -> PayloadAdmission {
        bytes <= Self.largestEnvelope ? .take : .tooLarge
    }

    func subscribed(_ subscription: Subscription) { onSubscribed() }

    func disconnected(_ cause: DisconnectCause) {}
}
