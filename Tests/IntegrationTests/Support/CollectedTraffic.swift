import Logging
import NIOPosix
import Redis
import Synchronization
import TestSupport

/// Every payload published on a channel during a test's action.
final class CollectedTraffic: EnvelopeSink {
    private let state = Mutex<(payloads: [[UInt8]], isSubscribed: Bool)>(([], false))

    var payloads: [[UInt8]] { state.withLock { $0.payloads } }
    var isSubscribed: Bool { state.withLock { $0.isSubscribed } }

    func collect(
        from redis: RedisServer, channel: String, isolation: isolated (any Actor)? = #isolation,
        _ body: () async throws -> Void
    ) async throws {
        let subscriber = RedisSubscriber(
            configuration: redis.configuration, channels: [channel],
            eventLoopGroup: MultiThreadedEventLoopGroup.singleton, sink: self,
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
        let listening = Task { try await subscriber.run() }
        defer { listening.cancel() }
        try await eventually("the test listens") { state.withLock { $0.isSubscribed } ? true : nil }
        try await body()
        // The counter gives the expected number.
        let count = try await redis.withClient { try await $0.send(["GET", .text(channel)]) }.text.flatMap { Int($0) }
        try await eventually("all \(count ?? 0) envelopes arrive") { payloads.count == count ? true : nil }
    }

    func nextBatch() -> EnvelopeBatch { EnvelopeBatch() }

    func deliver(_ batch: EnvelopeBatch) {
        state.withLock { state in
            batch.forEach { _, _, payload in state.payloads.append(Array(payload)) }
        }
    }

    func subscribed(_ subscription: Subscription) {
        state.withLock { $0.isSubscribed = true }
    }

    func disconnected(_ cause: DisconnectCause) {}
}
