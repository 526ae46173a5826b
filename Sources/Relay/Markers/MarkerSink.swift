import NIOConcurrencyHelpers
import Redis

/// Counts what a subscription delivers, a batch at a time, and reports the markers between the envelopes. Envelopes are
/// forwarded to the intake.
final class MarkerSink: EnvelopeSink {
    /// What happens on the subscription, in order.
    enum Event: Sendable, Equatable {
        case subscribed
        case interrupted
        ///   - received: envelopes before it, since the start.
        case marker([UInt8], received: Int)
    }

    private let intake: any EnvelopeSink
    private let received = NIOLockedValueBox(0)
    private let onEvent: @Sendable (Event) -> Void

    /// - Parameter onEvent: called on the event loop, in the order of the stream; must not block.
    init(before intake: any EnvelopeSink, onEvent: @escaping @Sendable (Event) -> Void) {
        self.intake = intake
        self.onEvent = onEvent
    }

    func nextBatch() -> EnvelopeBatch { intake.nextBatch() }

    func deliver(_ batch: EnvelopeBatch) {
        received.withLockedValue { $0 += batch.count }
        intake.deliver(batch)
    }

    func admission(ofPayload bytes: Int, channel: Int) -> PayloadAdmission {
        intake.admission(ofPayload: bytes, channel: channel)
    }

    func abandoned(payloadOf bytes: Int) { intake.abandoned(payloadOf: bytes) }

    func skipped(_ payload: SkippedPayload) {
        received.withLockedValue { $0 += 1 }
        intake.skipped(payload)
    }

    func aside(_ payload: [UInt8]) { onEvent(.marker(payload, received: received.withLockedValue { $0 })) }

    func subscribed(_ subscription: Subscription) {
        intake.subscribed(subscription)
        onEvent(.subscribed)
    }

    func disconnected(_ cause: DisconnectCause) {
        intake.disconnected(cause)
        onEvent(.interrupted)
    }
}
