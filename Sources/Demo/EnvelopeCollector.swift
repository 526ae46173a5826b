import NIOConcurrencyHelpers
import NIOCore
import NIOPosix
import Redis

/// Collects every payload that a subscriber receives, and signals when there are enough.
final class EnvelopeCollector: EnvelopeSink {
    private let received = NIOLockedValueBox<[[UInt8]]>([])
    /// Signals each change of the number of payloads.
    private let changes: AsyncStream<Int>
    private let changed: AsyncStream<Int>.Continuation
    /// Signals each confirmed subscription.
    private let confirmations: AsyncStream<Void>
    private let confirmed: AsyncStream<Void>.Continuation

    init() {
        (changes, changed) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
        (confirmations, confirmed) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
    }

    /// Returns once the subscription is confirmed; may be called once.
    ///
    /// - Throws: `CancellationError`.
    func waitUntilSubscribed() async throws {
        for await _ in confirmations { return }
        throw CancellationError()
    }

    /// Returns the payloads once there are `count`, or those received within `timeout`.
    func payloads(awaiting count: Int, timeout: Duration) async -> [[UInt8]] {
        await withTaskGroup(of: Void.self) { group in
            group.addTask { [changes] in
                if self.count >= count { return }
                for await received in changes where received >= count { return }
            }
            group.addTask { try? await Task.sleep(for: timeout) }
            await group.next()
            group.cancelAll()
        }
        return received.withLockedValue { $0 }
    }

    /// Returns the payloads once one contains this text, or those received within `timeout`.
    func payloads(upTo text: String, timeout: Duration) async -> [[UInt8]] {
        let deadline = ContinuousClock.now + timeout
        let bytes = Array(text.utf8)
        while ContinuousClock.now < deadline {
            let isThere = received.withLockedValue {
                $0.suffix(20).contains { $0.firstRange(of: bytes) != nil }
            }
            if isThere { break }
            try? await Task.sleep(for: .milliseconds(20))
        }
        return received.withLockedValue { $0 }
    }

    /// Returns the payloads once none has arrived for a while: the last one cannot be recognized.
    func payloads(quietFor pause: Duration, timeout: Duration) async -> [[UInt8]] {
        let deadline = ContinuousClock.now + timeout
        var last = -1
        while count != last, ContinuousClock.now < deadline {
            last = count
            try? await Task.sleep(for: pause)
        }
        return received.withLockedValue { $0 }
    }

    /// All published payloads. Envelopes caused by the last commands may still be published: waits until the counter in
    /// Redis is above `count` and no longer changes.
    func everything(
        beyond count: Int, countedBy redis: RedisConfiguration, channel: String
    ) async throws -> [[UInt8]] {
        let client = try await RedisClient.connect(
            to: redis, eventLoopGroup: MultiThreadedEventLoopGroup.singleton)
        let counted: Int
        do {
            counted = try await Self.counted(beyond: count, of: channel, by: client)
        } catch {
            await client.close()
            throw error
        }
        await client.close()
        return await payloads(awaiting: counted, timeout: .seconds(10))
    }

    /// The counter in Redis once it no longer changes, or after 10 s.
    private static func counted(beyond count: Int, of channel: String, by client: RedisClient)
        async throws -> Int
    {
        let deadline = ContinuousClock.now + .seconds(10)
        var counted = -1
        var last: Int
        repeat {
            last = counted
            try await Task.sleep(for: .milliseconds(300))
            counted = try await client.send(["GET", .text(channel)]).text.flatMap { Int($0) } ?? 0
        } while (counted != last || counted <= count) && ContinuousClock.now < deadline
        return counted
    }

    /// Discards the payloads collected so far.
    func forget() {
        received.withLockedValue { $0 = [] }
    }

    var count: Int { received.withLockedValue { $0.count } }

    // MARK: - EnvelopeSink

    func nextBatch() -> EnvelopeBatch { EnvelopeBatch() }

    func deliver(_ batch: EnvelopeBatch) {
        let count = received.withLockedValue { payloads in
            batch.forEach { _, _, payload in payloads.append(Array(payload)) }
            return payloads.count
        }
        changed.yield(count)
    }

    func subscribed(_ subscription: Subscription) { confirmed.yield() }

    func disconnected(_ cause: DisconnectCause) {}
}
