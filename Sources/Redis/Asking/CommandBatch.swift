package import NIOCore

/// Publishing commands, encoded and ready to be sent together.
package struct CommandBatch {
    /// The commands, as they go to the socket.
    package private(set) var bytes = ByteBuffer()
    /// How many there are.
    package private(set) var count = 0
    private let head: ByteBuffer
    /// The second key of a tracked script.
    private let progressKey: String?

    /// - Parameters:
    ///   - sha1: of the publishing script.
    ///   - progressKey: of a tracked script, which takes an ordinal.
    ///   - isNumbered: whether the script takes an id.
    package init(sha1: String, progressKey: String? = nil, isNumbered: Bool = false) {
        let keys = progressKey == nil ? 1 : 2
        let arguments = 1 + (isNumbered ? 1 : 0) + (progressKey == nil ? 0 : 1)
        var head = ByteBuffer(string: "*\(3 + keys + arguments)\r\n")
        RESPEncoder.encodeBulk("EVALSHA".utf8, into: &head)
        RESPEncoder.encodeBulk(sha1.utf8, into: &head)
        RESPEncoder.encodeBulk("\(keys)".utf8, into: &head)
        self.head = head
        self.progressKey = progressKey
    }

    /// - Parameters:
    ///   - blob: or the whole payload, for a script that takes an id.
    ///   - id: for such a script.
    ///   - ordinal: for a tracked script.
    package mutating func append(channel: String, blob: UnsafeRawBufferPointer, id: UInt64? = nil, ordinal: Int = 0) {
        bytes.writeImmutableBuffer(head)
        RESPEncoder.encodeBulk(channel.utf8, into: &bytes)
        if let progressKey { RESPEncoder.encodeBulk(progressKey.utf8, into: &bytes) }
        RESPEncoder.encodeBulk(blob, into: &bytes)
        if let id { RESPEncoder.encodeBulk("\(id)".utf8, into: &bytes) }
        if progressKey != nil { RESPEncoder.encodeBulk("\(ordinal)".utf8, into: &bytes) }
        count += 1
    }

    /// Empties the batch; bytes that are being sent stay untouched.
    package mutating func clear() {
        bytes = ByteBuffer()
        count = 0
    }
}
