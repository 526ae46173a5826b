import NIOConcurrencyHelpers

/// Passes what nodes publish to the mailroom, which comes into being after the nodes.
final class PostOffice: Sendable {
    private let mailroom = NIOLockedValueBox<Mailroom?>(nil)

    func deliver(to mailroom: Mailroom) {
        self.mailroom.withLockedValue { $0 = mailroom }
    }

    func published(envelope: UInt64, key: String, value: [UInt8]) {
        mailroom.withLockedValue { $0 }?.published(envelope: envelope, key: key, value: value)
    }
}
