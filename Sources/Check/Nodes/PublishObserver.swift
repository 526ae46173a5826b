import NIOConcurrencyHelpers

/// Passes what nodes publish to the deliveryLog, which comes into being after the nodes.
final class PublishObserver: Sendable {
    private let deliveryLog = NIOLockedValueBox<DeliveryLog?>(nil)

    func deliver(to deliveryLog: DeliveryLog) {
        self.deliveryLog.withLockedValue { $0 = deliveryLog }
    }

    func published(envelope: UInt64, key: String, value: [UInt8]) {
        deliveryLog.withLockedValue { $0 }?.published(envelope: envelope, key: key, value: value)
    }
}
