import NIOCore

/// How one generation writes what goes to a client. With a transport it makes a client's protocol.
protocol ClientCodec: Sendable {
    /// Clients of one format get the same bytes.
    var format: String { get }

    /// - Parameter frame: what of it the protocol has no word for is left out.
    func encoded(_ frame: Frame) -> EncodedFrame
}

/// What goes out to a client at once.
struct Frame {
    var cursor: UInt64
    /// The client's connection is initialized.
    var initialized = false
    /// The client should reconnect: this node is about to stop.
    var reconnect = false
    /// The client's groups have changed.
    var groupsToken: String?
    /// As the codec's protocol writes them: JSON each.
    var messages: [ByteBuffer] = []
}

/// A ``Frame`` as bytes, ready for every transport: encoded once, however many clients get it.
struct EncodedFrame: Sendable {
    /// JSON, as streams and polls carry it.
    let json: ByteBuffer
    /// The same memory, with the header of an unmasked webSocket text frame (RFC 6455, section 5.2) before it.
    let webSocket: ByteBuffer

    private static let longestHeader = 10

    /// - Parameters:
    ///   - capacity: bytes that the JSON will take, roughly.
    ///   - write: writes the JSON.
    init(capacity: Int, _ write: (inout ByteBuffer) -> Void) {
        var buffer = ByteBufferAllocator().buffer(capacity: Self.longestHeader + capacity)
        buffer.writeRepeatingByte(0, count: Self.longestHeader)
        buffer.moveReaderIndex(forwardBy: Self.longestHeader)
        write(&buffer)
        Self.prependHeader(to: &buffer)
        webSocket = buffer
        buffer.moveReaderIndex(to: Self.longestHeader)
        json = buffer
    }

    private static func prependHeader(to buffer: inout ByteBuffer) {
        let finalText: UInt8 = 0x81
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
        buffer.setInteger(finalText, at: start)
        buffer.moveReaderIndex(to: start)
    }
}

/// One message for many clients: encoded once for those of one format that come one after another.
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
