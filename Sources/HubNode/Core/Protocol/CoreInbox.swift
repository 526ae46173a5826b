import Backplane

/// Bytes of a client, which come in any pieces, divided into messages. Decision logic without I/O.
struct CoreInbox {
    /// Bytes of one message at most, without the byte 1e or the length.
    let limit: Int
    /// nil until the handshake, which is divided as JSON is.
    var format: CoreFormat?
    private var bytes: [UInt8] = []
    private var start = 0
    /// Where the search for the end of a message goes on.
    private var searched = 0

    init(limit: Int) {
        self.limit = limit
    }

    enum Failure: Error, Equatable {
        case tooLarge(limit: Int)
        /// The length of a MessagePack message takes more than five bytes, or says more than 2 GiB.
        case badLength
    }

    /// Of what has come but is no whole message yet, or was not taken.
    var count: Int { bytes.count - start }

    mutating func append(_ new: some Collection<UInt8>) {
        if start > 0, start == bytes.count {
            bytes.removeAll(keepingCapacity: bytes.capacity <= 1 << 16)
            (start, searched) = (0, 0)
        }
        bytes.append(contentsOf: new)
    }

    /// The next whole message: with the byte 1e behind it, or its length before it.
    ///
    /// - Returns: nil if more must come.
    mutating func next() throws(Failure) -> [UInt8]? {
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

    /// Gives up what was taken.
    private mutating func compact() {
        guard start > 0 else { return }
        bytes.removeSubrange(..<start)
        searched -= start
        start = 0
    }
}
