/// Reads chunks: checks limits and checksum, decompresses, and validates all records so that later access is safe.
final class ChunkDecoder {
    private let limits: ReadLimits
    private let decompressor = ZstdDecompressor()
    private var lz4 = LZ4Decompressor()
    private var last: DecodedChunk?

    init(limits: ReadLimits) {
        self.limits = limits
    }

    /// Reads the chunk in `frame`.
    ///
    /// - Parameters:
    ///   - channels: the known ones; those described by an intact chunk are added.
    ///   - allowingExtension: whether the record may have fields of a later format.
    /// - Returns: the chunk; `timesDiffer` if its times do not match its messages, and were replaced by theirs.
    /// - Throws: ``RecordFault``, errors of the source.
    func decode(
        _ frame: RecordFrame, from window: SourceWindow, channels: inout ChannelTable, allowingExtension: Bool
    ) throws -> (chunk: DecodedChunk, timesDiffer: Bool) {
        guard frame.length <= limits.maximumRecordSize else {
            let reason = Damage.Reason.tooLarge(
                opcode: frame.opcode, size: frame.length, limit: limits.maximumRecordSize)
            throw RecordFault(reason: reason)
        }
        let chunk = reusableChunk()
        chunk.record.truncate(to: 0)
        guard try window.append(at: frame.contentStart, count: Int(frame.length), to: &chunk.record) else {
            throw RecordFault(reason: .truncated)
        }
        let header: ChunkHeader
        let data: UnsafeRawBufferPointer
        do {
            (header, data) = try ChunkHeader.split(chunk.record.bytes, allowingExtension: allowingExtension)
        } catch {
            throw RecordFault(.chunk, error)
        }
        // Without a checksum, fields of a later format cannot be told from data whose length was overwritten.
        if header.uncompressedCRC == 0, header.size + data.count < chunk.record.count {
            throw RecordFault(reason: .malformed(opcode: Opcode.chunk.rawValue, field: "length"))
        }
        // Fields of a later format must not be copied into a file of ours.
        chunk.record.truncate(to: header.size + data.count)
        // Files of ours have all checksums: a missing one is wrong.
        try unpack(data, header, into: chunk, requiresChecksum: !allowingExtension)
        chunk.uncompressedCRC = header.uncompressedCRC
        chunk.index = ChunkIndex(
            startTime: header.startTime, endTime: header.endTime, offset: frame.start, length: frame.size,
            messageIndexOffsets: [:], messageIndexLength: 0, compression: header.compression,
            compressedSize: UInt64(data.count), uncompressedSize: header.uncompressedSize)
        // Channels of a lost chunk are not added: others may not know them.
        var learned = channels
        try chunk.walk(channels: &learned, keepsSchemas: !allowingExtension)
        channels = learned
        let timesDiffer = chunk.startTime != header.startTime || chunk.endTime != header.endTime
        return (chunk, timesDiffer)
    }

    /// A chunk whose memory can be reused.
    func reusableChunk() -> DecodedChunk {
        if last != nil, isKnownUniquelyReferenced(&last), let last {
            last.isLoose = false
            return last
        }
        let chunk = DecodedChunk()
        last = chunk
        return chunk
    }

    private func unpack(
        _ data: UnsafeRawBufferPointer, _ header: ChunkHeader, into chunk: DecodedChunk, requiresChecksum: Bool
    ) throws(RecordFault) {
        guard header.uncompressedSize <= limits.maximumChunkSize else {
            let reason = Damage.Reason.tooLarge(
                opcode: Opcode.chunk.rawValue, size: header.uncompressedSize, limit: limits.maximumChunkSize)
            throw RecordFault(reason: reason, framingHolds: true)
        }
        switch header.compression {
        case "":
            guard UInt64(data.count) == header.uncompressedSize else {
                let reason = Damage.Reason.malformed(opcode: Opcode.chunk.rawValue, field: "uncompressed_size")
                throw RecordFault(reason: reason, framingHolds: true)
            }
            chunk.records = data
        case "zstd":
            chunk.inflated.truncate(to: 0)
            try decompressor.append(data, size: Int(header.uncompressedSize), to: &chunk.inflated)
            chunk.records = chunk.inflated.bytes
        case "lz4":
            chunk.inflated.truncate(to: 0)
            try lz4.append(data, size: Int(header.uncompressedSize), to: &chunk.inflated)
            chunk.records = chunk.inflated.bytes
        default:
            throw RecordFault(reason: .unsupportedCompression(header.compression), framingHolds: true)
        }
        guard header.uncompressedCRC != 0 || requiresChecksum else { return }
        let actual = CRC32.of(chunk.records)
        guard actual == header.uncompressedCRC else {
            throw RecordFault(reason: .chunkCRC(expected: header.uncompressedCRC, actual: actual), framingHolds: true)
        }
    }
}
