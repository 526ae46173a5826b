import CLZ4
import CZstd

/// Reads chunks: checks limits and checksum, decompresses, and validates all records so that later access is safe.
final class ChunkDecoder {
    private let decompressor = ZstdDecompressor()
    private var lz4 = LZ4Decompressor()
    private var last: DecodedChunk?

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
        let limits = window.limits
        guard frame.length <= limits.maximumRecordSize else {
            let reason = Damage.Reason.tooLarge(
                opcode: frame.opcode, size: frame.length, limit: limits.maximumRecordSize)
            throw RecordFault(reason: reason)
        }
        let chunk = reusableChunk()
        guard try chunk.append(from: window, at: frame.contentStart, count: Int(frame.length)) else {
            throw RecordFault(reason: .truncated)
        }
        let header: ChunkHeader
        let data: UnsafeRawBufferPointer
        do {
            (header, data) = try ChunkHeader.split(chunk.recordContent, allowingExtension: allowingExtension)
        } catch {
            throw RecordFault(.chunk, error)
        }
        // Without a checksum, fields of a later format look like data whose length was overwritten.
        if header.uncompressedCRC == 0, header.size + data.count < chunk.recordContent.count {
            throw RecordFault(reason: .malformed(opcode: Opcode.chunk.rawValue, field: "length"))
        }
        chunk.truncate(to: header.size + data.count)
        // Files of ours have all checksums: a missing one is wrong.
        try unpack(data, header, into: chunk, atMost: limits.maximumChunkSize, requiresChecksum: !allowingExtension)
        chunk.describe(header, in: frame, compressedSize: data.count)
        // Channels of a lost chunk are not added: others may not know them.
        var learned = channels
        try chunk.walk(channels: &learned, keepsSchemas: !allowingExtension)
        channels = learned
        let timesDiffer = chunk.startTime != header.startTime || chunk.endTime != header.endTime
        return (chunk, timesDiffer)
    }

    /// An empty chunk, with memory that can be reused.
    func reusableChunk() -> DecodedChunk {
        if last != nil, isKnownUniquelyReferenced(&last), let last {
            last.clear()
            return last
        }
        let chunk = DecodedChunk()
        last = chunk
        return chunk
    }

    private func unpack(
        _ data: UnsafeRawBufferPointer, _ header: ChunkHeader, into chunk: DecodedChunk, atMost limit: UInt64,
        requiresChecksum: Bool
    ) throws(RecordFault) {
        guard header.uncompressedSize <= limit else {
            let reason = Damage.Reason.tooLarge(
                opcode: Opcode.chunk.rawValue, size: header.uncompressedSize, limit: limit)
            throw RecordFault(reason: reason, framingHolds: true)
        }
        switch header.compression {
        case "":
            guard UInt64(data.count) == header.uncompressedSize else {
                let reason = Damage.Reason.malformed(opcode: Opcode.chunk.rawValue, field: "uncompressed_size")
                throw RecordFault(reason: reason, framingHolds: true)
            }
            chunk.store(data)
        case "zstd":
            try chunk.inflate { output throws(RecordFault) in
                try decompressor.append(data, size: Int(header.uncompressedSize), to: &output)
            }
        case "lz4":
            try chunk.inflate { output throws(RecordFault) in
                try lz4.append(data, size: Int(header.uncompressedSize), to: &output)
            }
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

/// A reusable zstd decompression context.
struct ZstdDecompressor: ~Copyable {
    private let context: OpaquePointer?

    init() {
        context = ZSTD_createDCtx()
    }

    deinit { ZSTD_freeDCtx(context) }

    /// Appends the contents of the frames in `source` to `output`, which must be exactly `size` bytes.
    func append(_ source: UnsafeRawBufferPointer, size: Int, to output: inout GrowableBuffer) throws(RecordFault) {
        guard let context else { throw Self.fault(.noMemory) }
        let result = ZSTD_decompressDCtx(context, output.extend(by: size), size, source.baseAddress, source.count)
        guard ZSTD_isError(result) == 0 else {
            switch ZSTD_getErrorCode(result) {
            case ZSTD_error_memory_allocation: throw Self.fault(.noMemory)
            case ZSTD_error_dstSize_tooSmall: throw Self.fault(.tooLong(expected: size))
            default: throw Self.fault(.damaged)
            }
        }
        guard result == size else { throw Self.fault(.tooShort(result, expected: size)) }
    }

    private static func fault(_ failure: Damage.Unpacking) -> RecordFault {
        RecordFault(reason: .decompression(failure), framingHolds: true)
    }
}

/// A reusable lz4 decompression context. Only other programs write lz4 chunks.
struct LZ4Decompressor: ~Copyable {
    private var context: OpaquePointer?

    deinit { LZ4F_freeDecompressionContext(context) }

    /// Appends the contents of the frames in `source` to `output`, which must be exactly `size` bytes.
    mutating func append(
        _ source: UnsafeRawBufferPointer, size: Int, to output: inout GrowableBuffer
    ) throws(RecordFault) {
        if context == nil {
            guard LZ4F_isError(LZ4F_createDecompressionContext(&context, UInt32(LZ4F_VERSION))) == 0 else {
                context = nil
                throw Self.fault(.noMemory)
            }
        }
        guard let context else { throw Self.fault(.noMemory) }
        // A failed frame leaves its state behind.
        LZ4F_resetDecompressionContext(context)
        let target = output.extend(by: size)
        var (taken, made) = (0, 0)
        // The number of bytes lz4 expects next; 0 at the end of a frame.
        var hint = 1
        while taken < source.count {
            var (taking, making) = (source.count - taken, size - made)
            hint = LZ4F_decompress(
                context, target + made, &making, source.baseAddress.map { $0 + taken }, &taking, nil)
            guard LZ4F_isError(hint) == 0 else { throw Self.fault(.damaged) }
            guard taking > 0 || making > 0 else { throw Self.fault(.tooLong(expected: size)) }
            taken += taking
            made += making
        }
        guard hint == 0 || source.isEmpty else { throw Self.fault(.damaged) }
        guard made == size else { throw Self.fault(.tooShort(made, expected: size)) }
    }

    private static func fault(_ failure: Damage.Unpacking) -> RecordFault {
        RecordFault(reason: .decompression(failure), framingHolds: true)
    }
}
