import Capture
import NIOConcurrencyHelpers
import Redis
import Time

/// Envelopes waiting for the forward target, with limited memory: when it is full, new batches are refused.
final class ForwardQueue: Sendable {
    /// Smaller batches are merged.
    private static let mergedBytes = 64 * 1024

    private struct State {
        var batches: [EnvelopeBatch] = []
        /// Arrival of the first envelope of each batch, on the monotonic clock.
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

    /// Memory of waiting envelopes.
    var bytes: Int { state.withLockedValue { $0.bytes } }

    /// Number of waiting envelopes.
    var count: Int { state.withLockedValue { $0.batches.reduce(0) { $0 + $1.count } } }

    /// Arrival of the envelope that has waited longest, on the monotonic clock.
    var oldest: UInt64? { state.withLockedValue { $0.since.first } }

    /// Copies a batch into the queue.
    ///
    /// - Returns: false if there is no space.
    func offer(_ batch: EnvelopeBatch) -> Bool {
        let taken = state.withLockedValue { state in
            if let last = state.batches.last, last.byteCount + batch.byteCount <= Self.mergedBytes {
                guard state.bytes + batch.byteCount <= limit else { return false }
                let before = last.footprint
                last.append(contentsOf: batch)
                state.bytes += last.footprint - before
                return true
            }
            // A batch larger than the whole queue is accepted when the queue is empty.
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

    /// The batch that has waited longest, if any; does not block.
    func take() -> (batch: EnvelopeBatch, since: UInt64)? {
        state.withLockedValue { state in
            guard !state.batches.isEmpty else { return nil }
            let batch = state.batches.removeFirst()
            state.bytes -= batch.footprint
            return (batch, state.since.removeFirst())
        }
    }

    /// Waits until there may be more; returns immediately when the task is cancelled.
    func waitForMore() async {
        var iterator = wakes.makeAsyncIterator()
        _ = await iterator.next()
    }
}
