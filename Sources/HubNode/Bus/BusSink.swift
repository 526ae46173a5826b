import Redis

/// Carries what the subscription delivers to the bus, on the event loop that both live on.
final class BusSink: EnvelopeSink {
    private let bus: RedisMessageBus

    init(bus: RedisMessageBus) {
        self.bus = bus
    }

    func nextBatch() -> EnvelopeBatch {
        bus.assumeIsolated { $0.takeSpareBatch() } ?? EnvelopeBatch()
    }

    func deliver(_ batch: EnvelopeBatch) {
        bus.assumeIsolated { $0.received(batch) }
    }

    func subscribed(_ subscription: Subscription) {
        bus.assumeIsolated { $0.subscriptionChanged(true) }
    }

    func disconnected(_ cause: DisconnectCause) {
        bus.assumeIsolated { $0.subscriptionChanged(false, reason: cause.description) }
    }
}
