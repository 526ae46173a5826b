import Capture
import NIOConcurrencyHelpers
import Redis
import Time

/// What waits for the forward target, bounded in memory: when it is full the newest batch is refused.
final class ForwardQueue: Sendable {
    /// Batches below this are put together.
    private static let mergedBytes = 64 * 1024

    private struct State {
        var batches: [EnvelopeBatch] = []
        /// When the first envelope of each came, on the monotonic clock.
        var since: [UInt64] = []
        var bytes = 0
    }

    private let limit: Int
    private let state = NIOLockedValueBox(State())
    private let wakes: AsyncStream<Void>
    private let wake: AsyncStream<Void>.Continuation

    /// - Parameter limit: memory, in bytes.
    init(limit: Int) {
        self.limit = limit
        (wakes, wake) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
    }

    /// Memory of what waits.
    var bytes: Int { state.withLockedValue { $0.bytes } }

    /// Envelopes that wait.
    var count: Int { state.withLockedValue { $0.batches.reduce(0) { $0 + $1.count } } }

    /// When the envelope came that waits longest, on the monotonic clock.
    var oldest: UInt64? { state.withLockedValue { $0.since.first } }

    /// Copies a batch in.
    ///
    /// - Returns: false if there is no space for it.
    func offer(_ batch: EnvelopeBatch) -> Bool {
        let taken = state.withLockedValue { state in
            if let last = state.batches.last, last.byteCount + batch.byteCount <= Self.mergedBytes {
                guard state.bytes + batch.byteCount <= limit else { return false }
                let before = last.footprint
                last.append(contentsOf: batch)
                state.bytes += last.footprint - before
                return true
            }
            // One that is larger than the whole queue gets through when nothing else waits.
            guard state.batches.isEmpty || state.bytes + batch.footprint <= limit else { return false }
            let copy = EnvelopeBatch()
            copy.append(contentsOf: batch)
            state.batches.append(copy)
            state.since.append(Moment.now().monotonic)
            state.bytes += copy.footprint
            return true
        }
        if taken { wake.yield() }
        return taken
    }

    /// The batch that waits longest, without waiting for one.
    func take() -> (batch: EnvelopeBatch, since: UInt64)? {
        state.withLockedValue { state in
            guard !state.batches.isEmpty else { return nil }
            let batch = state.batches.removeFirst()
            state.bytes -= batch.footprint
            return (batch, state.since.removeFirst())
        }
    }

    /// Waits until something may have come; returns at once when the task is cancelled.
    func waitForMore() async {
        var iterator = wakes.makeAsyncIterator()
        _ = await iterator.next()
    }
}
