import Redis
import Synchronization

/// An event passed to the sink.
enum SinkEvent: Equatable, Sendable {
    case subscribed(Subscription)
    case envelope(ReceivedEnvelope)
    case disconnected(DisconnectCause)
}

/// An ``EnvelopeSink`` that stores its events, and passes them to a stream for a test that waits.
final class RecordingSink: EnvelopeSink {
    private let recorded = Mutex<(events: [SinkEvent], batches: [EnvelopeBatch])>(([], []))
    private let continuation: AsyncStream<SinkEvent>.Continuation
    /// Each event once; for one reader.
    let stream: AsyncStream<SinkEvent>

    init() {
        (stream, continuation) = AsyncStream.makeStream()
    }

    /// All events so far.
    var events: [SinkEvent] { recorded.withLock { $0.events } }

    /// The batches so far, as delivered.
    var batches: [EnvelopeBatch] { recorded.withLock { $0.batches } }

    func nextBatch() -> EnvelopeBatch { EnvelopeBatch() }

    func deliver(_ batch: EnvelopeBatch) {
        recorded.withLock { $0.batches.append(batch) }
        for envelope in batch.envelopes { record(.envelope(envelope)) }
    }

    func subscribed(_ subscription: Subscription) { record(.subscribed(subscription)) }

    func disconnected(_ cause: DisconnectCause) { record(.disconnected(cause)) }

    /// No more events follow.
    func finish() { continuation.finish() }

    private func record(_ event: SinkEvent) {
        recorded.withLock { $0.events.append(event) }
        continuation.yield(event)
    }
}
