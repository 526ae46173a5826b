import Redis
import Synchronization

/// What a subscriber told its sink.
enum SinkEvent: Equatable, Sendable {
    case subscribed(Subscription)
    case envelope(ReceivedEnvelope)
    case disconnected(DisconnectCause)
}

/// An ``EnvelopeSink`` that keeps what it is told, and tells it on as a stream to a test that waits.
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

    /// The batches so far, as they were delivered.
    var batches: [EnvelopeBatch] { recorded.withLock { $0.batches } }

    func nextBatch() -> EnvelopeBatch { EnvelopeBatch() }

    func deliver(_ batch: EnvelopeBatch) {
        recorded.withLock { $0.batches.append(batch) }
        for envelope in batch.envelopes { record(.envelope(envelope)) }
    }

    func subscribed(_ subscription: Subscription) { record(.subscribed(subscription)) }

    func disconnected(_ cause: DisconnectCause) { record(.disconnected(cause)) }

    /// No more will come.
    func finish() { continuation.finish() }

    private func record(_ event: SinkEvent) {
        recorded.withLock { $0.events.append(event) }
        continuation.yield(event)
    }
}
