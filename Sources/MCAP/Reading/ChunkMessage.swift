/// One message in a ``DecodedChunk``. `data` is valid only during the call that receives it.
@frozen
package struct ChunkMessage {
    package let channelID: UInt16
    package let sequence: UInt32
    /// When it was received, nanoseconds since 1970.
    package let logTime: UInt64
    /// When it was published, nanoseconds since 1970.
    package let publishTime: UInt64
    package let data: UnsafeRawBufferPointer

    /// From a message record that has been validated.
    @inlinable
    init(content: UnsafeRawPointer, count: Int) {
        channelID = UInt16(littleEndian: content.loadUnaligned(as: UInt16.self))
        sequence = UInt32(littleEndian: content.loadUnaligned(fromByteOffset: 2, as: UInt32.self))
        logTime = UInt64(littleEndian: content.loadUnaligned(fromByteOffset: 6, as: UInt64.self))
        publishTime = UInt64(littleEndian: content.loadUnaligned(fromByteOffset: 14, as: UInt64.self))
        data = UnsafeRawBufferPointer(start: content + 22, count: count - 22)
    }
}
