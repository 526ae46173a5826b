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
