import NIOCore

/// The encoding of messages to clients for one SignalR generation. Together with a transport it forms a client's
/// protocol.
protocol ClientCodec: Sendable {
    /// Clients of one format get the same bytes.
    var format: String { get }

    /// The most that one frame contains of what waits for a client.
    func limit(_ transport: TransportKind) -> FrameLimit

    /// - Parameter frame: parts that the protocol cannot express are left out.
    func encoded(_ frame: Frame) -> EncodedFrame
}

/// Limit of a frame. It has at least one message.
struct FrameLimit: Equatable {
    var messages: Int
    /// No message is added beyond these bytes.
    var bytes = Int.max
}

/// A frame to a client.
struct Frame {
    var cursor: UInt64
    /// The client's connection is initialized.
    var initialized = false
    /// The client should reconnect: this node is stopping.
    var reconnect = false
    /// The client's groups have changed.
    var groupsToken: String?
    /// Already encoded in the codec's protocol.
    var messages: [ByteBuffer] = []
}

/// An encoded ``Frame``, ready for every transport: encoded once for all clients.
struct EncodedFrame: Sendable {
    /// As streams and polls carry it: text, or MessagePack.
    let content: ByteBuffer
    /// The same memory, with the header of an unmasked webSocket frame (RFC 6455, section 5.2) before it.
    let webSocket: ByteBuffer

    private static let longestHeader = 10

    /// - Parameters:
    ///   - capacity: bytes that the content will take, roughly.
    ///   - isBinary: whether a webSocket carries it in a binary frame.
    ///   - write: writes the content.
    init(capacity: Int, isBinary: Bool = false, _ write: (inout ByteBuffer) -> Void) {
        var buffer = ByteBufferAllocator().buffer(capacity: Self.longestHeader + capacity)
        buffer.writeRepeatingByte(0, count: Self.longestHeader)
        buffer.moveReaderIndex(forwardBy: Self.longestHeader)
        write(&buffer)
        Self.prependHeader(to: &buffer, isBinary: isBinary)
        webSocket = buffer
        buffer.moveReaderIndex(to: Self.longestHeader)
        content = buffer
    }

    private static func prependHeader(to buffer: inout ByteBuffer, isBinary: Bool) {
        let final: UInt8 = isBinary ? 0x82 : 0x81
        let length = buffer.readableBytes
        let end = buffer.readerIndex
        let start: Int
        switch length {
        case ..<126:
            start = end - 2
            buffer.setInteger(UInt8(length), at: start + 1)
        case ...Int(UInt16.max):
            start = end - 4
            buffer.setInteger(UInt8(126), at: start + 1)
            buffer.setInteger(UInt16(length), at: start + 2)
        default:
            start = end - 10
            buffer.setInteger(UInt8(127), at: start + 1)
            buffer.setInteger(UInt64(length), at: start + 2)
        }
        buffer.setInteger(final, at: start)
        buffer.moveReaderIndex(to: start)
    }
}

/// One message for many clients: encoded once for consecutive clients with the same format.
struct SharedFrame {
    private let cursor: UInt64
    private let message: ByteBuffer
    private var last: (format: String, frame: EncodedFrame)?

    init(cursor: UInt64, message: ByteBuffer) {
        self.cursor = cursor
        self.message = message
    }

    mutating func encoded(by codec: any ClientCodec) -> EncodedFrame {
        if let last, last.format == codec.format { return last.frame }
        let frame = codec.encoded(Frame(cursor: cursor, messages: [message]))
        last = (codec.format, frame)
        return frame
    }
}
