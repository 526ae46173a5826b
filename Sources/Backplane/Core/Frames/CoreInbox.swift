/// Splits the other side's bytes, received in arbitrary fragments, into messages. No I/O.
package struct CoreInbox {
    /// Maximum size of a message, without the byte 1e or the length.
    package let limit: Int
    /// Nil until the handshake, which is split like JSON.
    package var format: CoreFormat?
    private var bytes: [UInt8] = []
    private var start = 0
    /// Where the search for the end of a message continues.
    private var searched = 0

    /// - Parameter limit: bytes of one message; a longer one throws ``Failure/tooLarge(limit:)``.
    package init(limit: Int) {
        self.limit = limit
    }

    /// Why the rest of the connection cannot be split.
    package enum Failure: Error, Equatable {
        case tooLarge(limit: Int)
        /// The length of a MessagePack message has more than five bytes, or exceeds 2 GiB.
        case badLength
    }

    /// Bytes that are not a complete message yet, or were not consumed.
    package var count: Int { bytes.count - start }

    /// Adds received bytes, which may end within a message.
    package mutating func append(_ new: some Collection<UInt8>) {
        if start > 0, start == bytes.count {
            bytes.removeAll(keepingCapacity: bytes.capacity <= 1 << 16)
            (start, searched) = (0, 0)
        }
        bytes.append(contentsOf: new)
    }

    /// The next complete message, including the byte 1e at its end, or the length at its start.
    ///
    /// - Returns: nil if more bytes are needed.
    package mutating func next() throws(Failure) -> [UInt8]? {
        let end = format == .messagePack ? try endOfMessagePack() : try endOfText()
        guard let end else {
            compact()
            return nil
        }
        defer {
            start = end
            searched = end
        }
        return Array(bytes[start..<end])
    }

    private mutating func endOfText() throws(Failure) -> Int? {
        guard let end = bytes[searched...].firstIndex(of: 0x1E) else {
            searched = bytes.count
            guard count <= limit else { throw .tooLarge(limit: limit) }
            return nil
        }
        guard end - start <= limit else { throw .tooLarge(limit: limit) }
        return end + 1
    }

    private func endOfMessagePack() throws(Failure) -> Int? {
        var length = 0
        var position = start
        for shift in stride(from: 0, to: 35, by: 7) {
            guard position < bytes.count else { return nil }
            let byte = bytes[position]
            position += 1
            length |= Int(byte & 0x7F) << shift
            guard byte >= 0x80 else {
                guard length <= Int(Int32.max) else { throw .badLength }
                guard length <= limit else { throw .tooLarge(limit: limit) }
                return length <= bytes.count - position ? position + length : nil
            }
        }
        throw .badLength
    }

    /// Drops the consumed bytes.
    private mutating func compact() {
        guard start > 0 else { return }
        bytes.removeSubrange(..<start)
        searched -= start
        start = 0
    }
}
