import NIOCore
import Backplane

/// What goes out to a client at once: `{"C":"cursor","S":1,"T":1,"G":"token","M":[...]}`, in this order, all but C and M
/// only where they say something.
struct Frame {
    var cursor: UInt64
    /// The client's connection is initialized.
    var initialized = false
    /// The client should reconnect: this node is about to stop.
    var reconnect = false
    /// The client's groups have changed.
    var groupsToken: String?
    /// JSON each.
    var messages: [ByteBuffer] = []

    func encoded() -> EncodedFrame {
        let size = messages.reduce(48 + (groupsToken?.utf8.count ?? 0)) { $0 + $1.readableBytes + 1 }
        return EncodedFrame(capacity: size) { write(into: &$0) }
    }

    private func write(into buffer: inout ByteBuffer) {
        buffer.writeStaticString(#"{"C":""#)
        buffer.writeString(Cursor.text(cursor))
        buffer.writeStaticString(#"""#)
        if initialized { buffer.writeStaticString(#","S":1"#) }
        if reconnect { buffer.writeStaticString(#","T":1"#) }
        if let groupsToken {
            // Base64: nothing to escape.
            buffer.writeStaticString(#","G":""#)
            buffer.writeString(groupsToken)
            buffer.writeStaticString(#"""#)
        }
        buffer.writeStaticString(#","M":["#)
        for (index, message) in messages.enumerated() {
            if index > 0 { buffer.writeStaticString(",") }
            buffer.writeImmutableBuffer(message)
        }
        buffer.writeStaticString("]}")
    }
}
