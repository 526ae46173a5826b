import NIOCore
import Redis

/// Publishing commands, encoded and ready to be sent together.
struct CommandBatch {
    private(set) var bytes = ByteBuffer()
    private(set) var count = 0
    private let head: ByteBuffer

    /// - Parameter sha1: of the publishing script.
    init(sha1: String) {
        var head = ByteBuffer(string: "*5\r\n")
        RESPEncoder.encodeBulk("EVALSHA".utf8, into: &head)
        RESPEncoder.encodeBulk(sha1.utf8, into: &head)
        RESPEncoder.encodeBulk("1".utf8, into: &head)
        self.head = head
    }

    mutating func append(channel: String, blob: UnsafeRawBufferPointer) {
        bytes.writeImmutableBuffer(head)
        RESPEncoder.encodeBulk(channel.utf8, into: &bytes)
        RESPEncoder.encodeBulk(blob, into: &bytes)
        count += 1
    }

    /// Empties the batch; bytes that are being sent stay untouched.
    mutating func clear() {
        bytes = ByteBuffer()
        count = 0
    }
}
