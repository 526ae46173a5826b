import NIOConcurrencyHelpers

/// A Redis channel, or a pattern of channels, to subscribe to.
package struct SubscribedName: Sendable, Equatable {
    /// What Redis subscribes to. Redis cannot distinguish two names with the same key.
    package struct Key: Hashable, Sendable {
        /// The channel or the pattern, byte for byte.
        package let name: [UInt8]
        /// PSUBSCRIBE instead of SUBSCRIBE.
        package let isPattern: Bool
    }

    /// As ``channel``: its messages are not envelopes.
    static let aside = -3

    /// What Redis is asked for.
    package let key: Key
    /// The index of its messages in ``EnvelopeBatch``.
    package let channel: Int
    /// Whether to keep the Redis channel with each message: see ``MessageHeader``.
    package let keepsName: Bool
    /// The start of the intended channels. Redis' pattern may match more, for example where a space became `?`; those
    /// messages are ignored.
    package let beginning: [UInt8]

    /// A channel whose messages are kept unchanged.
    package init(channel name: String, index: Int) {
        self.init(channel: Array(name.utf8), index: index, keepsName: false)
    }

    /// - Parameter index: of its messages.
    package init(channel name: [UInt8], index: Int, keepsName: Bool) {
        key = Key(name: name, isPattern: false)
        channel = index
        self.keepsName = keepsName
        beginning = []
    }

    /// A channel whose messages go to ``EnvelopeSink/aside(_:)`` instead of a batch, in order with the envelopes. For
    /// rare messages.
    package init(aside name: [UInt8]) {
        self.init(channel: name, index: Self.aside, keepsName: false)
    }

    /// - Parameters:
    ///   - beginning: of each intended channel.
    ///   - index: of its messages; each is kept with its Redis channel.
    package init(pattern name: [UInt8], beginning: [UInt8], index: Int) {
        key = Key(name: name, isPattern: true)
        channel = index
        keepsName = true
        self.beginning = beginning
    }
}

/// The header before a payload that is kept with its Redis channel.
package struct MessageHeader: Sendable {
    /// Bytes of the header.
    package let count: @Sendable (_ channelCount: Int, _ payloadCount: Int) -> Int
    /// Writes it; the destination has space for that many bytes.
    package let write:
        @Sendable (
            _ channel: UnsafeRawBufferPointer, _ payloadCount: Int, _ destination: UnsafeMutableRawPointer
        ) -> Void

    /// - Parameter count: bytes of the header for a channel name and a payload of these sizes.
    package init(
        count: @escaping @Sendable (_ channelCount: Int, _ payloadCount: Int) -> Int,
        write:
            @escaping @Sendable (
                _ channel: UnsafeRawBufferPointer, _ payloadCount: Int, _ destination: UnsafeMutableRawPointer
            ) -> Void
    ) {
        self.count = count
        self.write = write
    }

    func bytes(channel: UnsafeRawBufferPointer, payloadCount: Int) -> [UInt8] {
        let count = count(channel.count, payloadCount)
        return [UInt8](unsafeUninitializedCapacity: count) { buffer, written in
            guard let start = UnsafeMutableRawPointer(buffer.baseAddress) else { return }
            write(channel, payloadCount, start)
            written = count
        }
    }
}

/// The subscriptions a subscriber wants, across reconnects; thread-safe.
final class WantedNames: Sendable {
    private struct State {
        /// With a sequence number, which gives the order.
        var names: [SubscribedName.Key: (number: Int, name: SubscribedName)] = [:]
        var next = 0
    }

    let header: MessageHeader?
    /// Every message is kept under index 0, with its Redis channel.
    let keepsAll: Bool
    private let state: NIOLockedValueBox<State>

    init(_ names: [SubscribedName], header: MessageHeader?, keepsAll: Bool) {
        self.header = header
        self.keepsAll = keepsAll
        state = NIOLockedValueBox(State())
        add(names)
    }

    /// In order of addition.
    var list: [SubscribedName] {
        state.withLockedValue { $0.names.values.sorted { $0.number < $1.number }.map(\.name) }
    }

    func add(_ names: [SubscribedName]) {
        state.withLockedValue { state in
            for name in names where state.names[name.key] == nil {
                state.names[name.key] = (state.next, name)
                state.next += 1
            }
        }
    }

    func remove(_ names: [SubscribedName.Key]) {
        state.withLockedValue { state in
            for name in names { state.names[name] = nil }
        }
    }
}
