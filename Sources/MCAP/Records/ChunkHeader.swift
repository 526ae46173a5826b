/// The fields of a chunk record in front of its data.
///
/// MCAP specification: "Chunk (op=0x06)".
struct ChunkHeader: Equatable {
    var startTime: UInt64
    var endTime: UInt64
    var uncompressedSize: UInt64
    /// CRC-32 of the uncompressed data; 0 = not available.
    var uncompressedCRC: UInt32
    var compression: String

    /// Bytes in front of the data.
    var size: Int { 40 + compression.utf8.count }

    /// Appends a chunk record up to its data, with both lengths still 0.
    ///
    /// - Returns: where the data begins in the buffer; its length is in the eight bytes before.
    func encodeOpening(into buffer: inout GrowableBuffer) -> Int {
        buffer.append(Opcode.chunk.rawValue)
        buffer.append(UInt64(0))
        buffer.append(startTime)
        buffer.append(endTime)
        buffer.append(uncompressedSize)
        buffer.append(uncompressedCRC)
        buffer.append(compression)
        buffer.append(UInt64(0))
        return buffer.count
    }
}

extension ChunkHeader {
    /// The header at the start of a chunk record's content, and the data after it.
    ///
    /// - Parameter allowingExtension: whether fields of a later format may follow the data.
    static func split(
        _ content: UnsafeRawBufferPointer, allowingExtension: Bool
    ) throws(MalformedRecord) -> (header: ChunkHeader, data: UnsafeRawBufferPointer) {
        var cursor = ByteCursor(content)
        let header = ChunkHeader(
            startTime: try cursor.integer(UInt64.self, "message_start_time"),
            endTime: try cursor.integer(UInt64.self, "message_end_time"),
            uncompressedSize: try cursor.integer(UInt64.self, "uncompressed_size"),
            uncompressedCRC: try cursor.integer(UInt32.self, "uncompressed_crc"),
            compression: try cursor.string("compression"))
        let data = try cursor.take(cursor.integer(UInt64.self, "records"), "records")
        try cursor.finish(allowingExtension: allowingExtension)
        return (header, data)
    }
}

/// Position and contents of a chunk. Times are nanoseconds since 1970.
///
/// MCAP specification: "Chunk Index (op=0x08)".
package struct ChunkIndex: Equatable, Sendable {
    /// Earliest log time of its messages, nanoseconds since 1970; 0 without messages.
    package var startTime: UInt64
    /// Latest log time of its messages, nanoseconds since 1970; 0 without messages.
    package var endTime: UInt64
    /// Bytes from the start of the file to the chunk record's opcode.
    package var offset: UInt64
    /// Bytes of the whole chunk record, including opcode and length.
    package var length: UInt64
    /// For each channel with messages in the chunk: offset of its message index record. Empty: no indexes.
    package var messageIndexOffsets: [UInt16: UInt64]
    /// Bytes of all message index records together.
    package var messageIndexLength: UInt64
    /// `zstd`, `lz4` or, uncompressed, the empty string.
    package var compression: String
    /// Bytes of the data as stored.
    package var compressedSize: UInt64
    /// Bytes of the data, decompressed.
    package var uncompressedSize: UInt64

    /// Bytes from the start of the file to the end of the chunk record.
    var chunkEnd: UInt64 { offset + length }

    func encode(into buffer: inout GrowableBuffer) {
        buffer.appendRecord(.chunkIndex) {
            $0.append(startTime)
            $0.append(endTime)
            $0.append(offset)
            $0.append(length)
            $0.append(messageIndexOffsets)
            $0.append(messageIndexLength)
            $0.append(compression)
            $0.append(compressedSize)
            $0.append(uncompressedSize)
        }
    }
}

extension ChunkIndex {
    init(content: UnsafeRawBufferPointer) throws(MalformedRecord) {
        var cursor = ByteCursor(content)
        startTime = try cursor.integer(UInt64.self, "message_start_time")
        endTime = try cursor.integer(UInt64.self, "message_end_time")
        offset = try cursor.integer(UInt64.self, "chunk_start_offset")
        length = try cursor.integer(UInt64.self, "chunk_length")
        messageIndexOffsets = try cursor.channelMap("message_index_offsets")
        messageIndexLength = try cursor.integer(UInt64.self, "message_index_length")
        compression = try cursor.string("compression")
        compressedSize = try cursor.integer(UInt64.self, "compressed_size")
        uncompressedSize = try cursor.integer(UInt64.self, "uncompressed_size")
    }
}
