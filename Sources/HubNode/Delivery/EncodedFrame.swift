import NIOCore

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
