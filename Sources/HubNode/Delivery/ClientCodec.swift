import NIOCore

/// The encoding of messages to clients for one SignalR generation. Together with a transport it forms a client's
/// protocol.
protocol ClientCodec: Sendable {
    /// Clients of one format get the same bytes.
    var format: String { get }

    /// - Parameter frame: parts that the protocol cannot express are left out.
    func encoded(_ frame: Frame) -> EncodedFrame
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
    /// JSON messages encoded by the codec's protocol.
    var messages: [ByteBuffer] = []
}

/// An encoded ``Frame``, ready for every transport: encoded once for all clients.
struct EncodedFrame: Sendable {
    /// JSON, for streams and polls.
    let json: ByteBuffer
    /// The same memory, preceded by the header of an unmasked webSocket text frame (RFC 6455, section 5.2).
    let webSocket: ByteBuffer

    private static let longestHeader = 10

    /// - Parameters:
    ///   - capacity: estimated size of the JSON in bytes.
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
