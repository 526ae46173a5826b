/// One chunk of a file, uncompressed and checked.
///
/// A reader reuses a chunk's memory for the next one once nobody else holds it. Not for several threads at a time.
package final class DecodedChunk {
    /// Where the chunk stands. Its message indexes are not part of it.
    var index: ChunkIndex
    /// The channels that the chunk's messages are on.
    package internal(set) var channels: [UInt16: Channel] = [:]
    package internal(set) var messageCount = 0
    /// True if its messages stand outside of chunks in the file.
    package internal(set) var isLoose = false
    /// Which of the files that stand behind each other it is of, from 0. Each has its own channels.
    package internal(set) var fileNumber = 0

    /// As the chunk says; 0 = it does not.
    var uncompressedCRC: UInt32 = 0
    /// The content of the chunk record as it is in the file, up to the end of its data.
    var record = GrowableBuffer()
    /// The uncompressed records, if they are not in `record` already.
    var inflated = GrowableBuffer()
    /// The uncompressed records, in one of the two buffers above.
    @usableFromInline var records = UnsafeRawBufferPointer(start: nil, count: 0)
    var messageIndexes = MessageIndexes()
    /// The channels that the chunk describes, with messages or without.
    var described: [UInt16: Channel] = [:]
    /// The schemas that the chunk holds, in a file of ours.
    package internal(set) var schemas: [UInt16: Schema] = [:]
    /// A channel that the chunk's messages are on but that it does not describe itself, or one whose schema it lacks.
    var foreignChannelID: UInt16?

    init() {
        index = ChunkIndex(
            startTime: 0, endTime: 0, offset: 0, length: 0, messageIndexOffsets: [:], messageIndexLength: 0,
            compression: "", compressedSize: 0, uncompressedSize: 0)
    }

    /// Earliest log time of its messages, nanoseconds since 1970; 0 without messages.
    package var startTime: UInt64 { index.startTime }
    /// Latest log time of its messages, nanoseconds since 1970; 0 without messages.
    package var endTime: UInt64 { index.endTime }
    /// Bytes from the start of the file to the chunk record.
    package var offset: UInt64 { index.offset }
    /// Bytes of the whole chunk record.
    package var length: UInt64 { index.length }
    /// `zstd`, `lz4`, or the empty string for a stored chunk.
    package var compression: String { index.compression }
    /// Bytes of its records in the file.
    package var compressedSize: UInt64 { index.compressedSize }
    /// Bytes of its records uncompressed.
    package var uncompressedSize: UInt64 { index.uncompressedSize }

    /// Messages of each channel.
    package var messageCounts: [UInt16: UInt64] { messageIndexes.messageCounts }

    var recordContent: UnsafeRawBufferPointer { record.bytes }

    /// Calls `body` with each message, in the order of the file.
    @inlinable
    package func forEachMessage<E: Error>(_ body: (ChunkMessage) throws(E) -> Void) throws(E) {
        // All lengths were checked when the chunk was decoded.
        var position = 0
        while position < records.count {
            let record = records.baseAddress.unsafelyUnwrapped + position
            let length = Int(UInt64(littleEndian: record.loadUnaligned(fromByteOffset: 1, as: UInt64.self)))
            if record.load(as: UInt8.self) == 0x05 {
                try body(ChunkMessage(content: record + 9, count: length))
            }
            position &+= 9 &+ length
        }
        withExtendedLifetime(self) {}
    }
}
