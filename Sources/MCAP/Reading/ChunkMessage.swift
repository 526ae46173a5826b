/// One message inside of a ``DecodedChunk``. `data` is valid only during the call it is passed to.
///
/// MCAP specification: "Message (op=0x05)".
@frozen
package struct ChunkMessage {
    /// Of the channel that the file declares.
    package let channelID: UInt16
    /// As the writer counted; 0 where it did not.
    package let sequence: UInt32
    /// When it was received, nanoseconds since 1970.
    package let logTime: UInt64
    /// When it was published, nanoseconds since 1970.
    package let publishTime: UInt64
    /// In place: valid as long as the decoded chunk.
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
