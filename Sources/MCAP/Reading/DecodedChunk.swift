/// A chunk, decompressed and checked.
///
/// A reader reuses a chunk's memory once it holds the only reference. Not thread-safe.
package final class DecodedChunk {
    /// Position of the chunk, without its message indexes.
    var index: ChunkIndex
    /// The channels that the chunk's messages are on.
    package internal(set) var channels: [UInt16: Channel] = [:]
    /// Messages in it, of all channels.
    package internal(set) var messageCount = 0
    /// True for messages that are outside chunks in the file.
    package internal(set) var isLoose = false
    /// Number of its file among concatenated files, from 0. Each file has its own channels.
    package internal(set) var fileNumber = 0

    /// As stored in the chunk; 0 = none.
    var uncompressedCRC: UInt32 = 0
    /// The content of the chunk record as it is in the file, up to the end of its data.
    var record = GrowableBuffer()
    /// The decompressed records, unless they are in `record`.
    var inflated = GrowableBuffer()
    /// The uncompressed records, in one of the two buffers above.
    @usableFromInline var records = UnsafeRawBufferPointer(start: nil, count: 0)
    var messageIndexes = MessageIndexes()
    /// All channels described in the chunk, with or without messages.
    var described: [UInt16: Channel] = [:]
    /// The schemas in the chunk, in a file of ours.
    package internal(set) var schemas: [UInt16: Schema] = [:]
    /// A channel with messages in the chunk that it does not describe, or whose schema it lacks.
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

    /// Number of messages by channel.
    package var messageCounts: [UInt16: UInt64] { messageIndexes.messageCounts }

    var recordContent: UnsafeRawBufferPointer { record.bytes }

    /// Calls `body` with each message, in the order of the file.
    @inlinable
    package func forEachMessage<E: Error>(_ body: (ChunkMessage) throws(E) -> Void) throws(E) {
        // All lengths were validated when the chunk was decoded.
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
