import NIOConcurrencyHelpers
import Redis
import Backplane

/// Learns the ids of messages from the channel itself, where nodes of other processes do not tell them.
final class BackplaneListener: EnvelopeSink {
    /// No message of a check is nearly as large; what else is published on the event key is not held.
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
            // What does not decode is none of the check's messages.
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
