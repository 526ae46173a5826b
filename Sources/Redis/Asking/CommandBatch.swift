package import NIOCore

/// Encoded publish commands to send together.
package struct CommandBatch {
    /// The encoded commands.
    package private(set) var bytes = ByteBuffer()
    /// Number of commands.
    package private(set) var count = 0
    private let head: ByteBuffer
    /// The bytes before channel and payload of an envelope published unchanged.
    private let publishHead: ByteBuffer
    /// The second key of a tracked script.
    private let progressKey: String?

    /// - Parameters:
    ///   - sha1: of the publishing script.
    ///   - publishSHA1: of the script that publishes unchanged and takes an ordinal; nil to use PUBLISH.
    ///   - progressKey: of a tracked script, which takes an ordinal.
    ///   - isNumbered: whether the script takes an id.
    package init(
        sha1: String, publishSHA1: String? = nil, progressKey: String? = nil, isNumbered: Bool = false
    ) {
        let keys = progressKey == nil ? 1 : 2
        let arguments = 1 + (isNumbered ? 1 : 0) + (progressKey == nil ? 0 : 1)
        var head = ByteBuffer(string: "*\(3 + keys + arguments)\r\n")
        RESPEncoder.encodeBulk("EVALSHA".utf8, into: &head)
        RESPEncoder.encodeBulk(sha1.utf8, into: &head)
        RESPEncoder.encodeBulk("\(keys)".utf8, into: &head)
        self.head = head
        self.progressKey = progressKey
        publishHead = Self.publishHead(publishSHA1, progressKey)
    }

    private static func publishHead(_ sha1: String?, _ progressKey: String?) -> ByteBuffer {
        guard let sha1, let progressKey else {
            var head = ByteBuffer(string: "*3\r\n")
            RESPEncoder.encodeBulk("PUBLISH".utf8, into: &head)
            return head
        }
        var head = ByteBuffer(string: "*7\r\n")
        for part in ["EVALSHA", sha1, "1", progressKey] { RESPEncoder.encodeBulk(part.utf8, into: &head) }
        return head
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

    /// Publishes an unchanged payload on any Redis channel.
    ///
    /// - Parameter ordinal: for a tracked script.
    package mutating func append(
        publishing payload: UnsafeRawBufferPointer, on channel: UnsafeRawBufferPointer, ordinal: Int = 0
    ) {
        bytes.writeImmutableBuffer(publishHead)
        RESPEncoder.encodeBulk(channel, into: &bytes)
        RESPEncoder.encodeBulk(payload, into: &bytes)
        if progressKey != nil { RESPEncoder.encodeBulk("\(ordinal)".utf8, into: &bytes) }
        count += 1
    }

    /// Empties the batch; bytes being sent are not affected.
    package mutating func clear() {
        bytes = ByteBuffer()
        count = 0
    }
}
