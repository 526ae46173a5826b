/// A Redis channel, or a pattern of channels, that a subscriber asks for.
package struct SubscribedName: Sendable, Equatable {
    /// What Redis is asked for; two that differ in nothing else are one to it.
    package struct Key: Hashable, Sendable {
        package let name: [UInt8]
        package let isPattern: Bool
    }

    package let key: Key
    /// The index that its messages have in ``EnvelopeBatch``.
    package let channel: Int
    /// Whether the Redis channel that a message came on is kept with it: see ``MessageHeader``.
    package let keepsName: Bool
    /// What the channels that are meant begin with. Redis' pattern may match more, as where a space became `?`; those messages
    /// are somebody else's, and left out.
    package let beginning: [UInt8]

    /// A channel whose messages are kept as they were published.
    package init(channel name: String, index: Int) {
        self.init(channel: Array(name.utf8), index: index, keepsName: false)
    }

    /// - Parameter index: that its messages have.
    package init(channel name: [UInt8], index: Int, keepsName: Bool) {
        key = Key(name: name, isPattern: false)
        channel = index
        self.keepsName = keepsName
        beginning = []
    }

    /// - Parameters:
    ///   - beginning: of each channel that is meant.
    ///   - index: that its messages have; the Redis channel is kept with each.
    package init(pattern name: [UInt8], beginning: [UInt8], index: Int) {
        key = Key(name: name, isPattern: true)
        channel = index
        keepsName = true
        self.beginning = beginning
    }
}

/// What stands before a payload that is kept with the Redis channel it came on.
package struct MessageHeader: Sendable {
    /// Bytes of the header.
    package let count: @Sendable (_ channelCount: Int, _ payloadCount: Int) -> Int
    /// Writes it; the destination has room for as many bytes.
    package let write:
        @Sendable (
            _ channel: UnsafeRawBufferPointer, _ payloadCount: Int, _ destination: UnsafeMutableRawPointer
        ) -> Void

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
