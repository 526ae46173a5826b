import NIOConcurrencyHelpers
import NIOCore
import Redis

/// Keeps every payload that a subscriber receives, and tells when there are enough.
final class EnvelopeCollector: EnvelopeSink {
    private struct State {
        var payloads: [[UInt8]] = []
        var subscribed: [CheckedContinuation<Void, Never>] = []
        var isSubscribed = false
    }

    private let state = NIOLockedValueBox(State())
    /// Signals each change of the number of payloads.
    private let changes: AsyncStream<Int>
    private let changed: AsyncStream<Int>.Continuation

    init() {
        (changes, changed) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
    }

    /// Returns once the subscription is confirmed.
    func waitUntilSubscribed() async {
        await withCheckedContinuation { continuation in
            let isSubscribed = state.withLockedValue { state in
                if !state.isSubscribed { state.subscribed.append(continuation) }
                return state.isSubscribed
            }
            if isSubscribed { continuation.resume() }
        }
    }

    /// Returns the payloads once there are `count`, or what came within `timeout`.
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
        return state.withLockedValue { $0.payloads }
    }

    /// Returns the payloads once none has come for a while: nothing tells which one is the last.
    func payloads(quietFor pause: Duration, timeout: Duration) async -> [[UInt8]] {
        let deadline = ContinuousClock.now + timeout
        var last = -1
        while count != last, ContinuousClock.now < deadline {
            last = count
            try? await Task.sleep(for: pause)
        }
        return state.withLockedValue { $0.payloads }
    }

    /// Begins anew.
    func forget() {
        state.withLockedValue { $0.payloads = [] }
    }

    var count: Int { state.withLockedValue { $0.payloads.count } }

    // MARK: - EnvelopeSink

    func nextBatch() -> EnvelopeBatch { EnvelopeBatch() }

    func deliver(_ batch: EnvelopeBatch) {
        let count = state.withLockedValue { state in
            batch.forEach { _, _, payload in state.payloads.append(Array(payload)) }
            return state.payloads.count
        }
        changed.yield(count)
    }

    func subscribed(_ subscription: Subscription) {
        let waiting = state.withLockedValue { state in
            state.isSubscribed = true
            defer { state.subscribed = [] }
            return state.subscribed
        }
        for continuation in waiting { continuation.resume() }
    }

    func disconnected(_ cause: DisconnectCause) {}
}
