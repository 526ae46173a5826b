import Redis

/// Passes the subscription's batches to the bus, on their common event loop.
final class BusSink: EnvelopeSink {
    private let bus: RedisMessageBus
    private let largestEnvelope: Int

    /// - Parameter largestEnvelope: in bytes; larger ones are skipped while they arrive.
    init(bus: RedisMessageBus, largestEnvelope: Int) {
        self.bus = bus
        self.largestEnvelope = largestEnvelope
    }

    func nextBatch() -> EnvelopeBatch {
        bus.assumeIsolated { $0.takeSpareBatch() } ?? EnvelopeBatch()
    }

    func deliver(_ batch: EnvelopeBatch) {
        bus.assumeIsolated { $0.received(batch) }
    }

    func admission(ofPayload bytes: Int, channel: Int) -> PayloadAdmission {
        bytes <= largestEnvelope ? .take : .tooLarge
    }

    func skipped(_ payload: SkippedPayload) {
        bus.assumeIsolated { $0.passedOver(payload) }
    }

    func subscribed(_ subscription: Subscription) {
        bus.assumeIsolated { $0.subscriptionChanged(true) }
    }

    func disconnected(_ cause: DisconnectCause) {
        bus.assumeIsolated { $0.subscriptionChanged(false, reason: cause.description) }
    }
}
