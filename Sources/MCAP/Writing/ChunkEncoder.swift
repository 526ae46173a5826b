import CZstd

/// Writes chunk records, compressed if that makes them smaller.
struct ChunkEncoder: ~Copyable {
    private let compression: Compression
    private var compressor: ZstdCompressor?

    init(compression: Compression) {
        self.compression = compression
    }

    /// Appends the chunk record.
    ///
    /// - Parameter compressing: false to store it uncompressed.
    /// - Returns: the chunk's index, without its position and message indexes.
    mutating func append(
        _ chunk: borrowing ChunkBuilder, to buffer: inout GrowableBuffer, compressing: Bool
    ) -> ChunkIndex {
        let records = chunk.records.bytes
        let header = ChunkHeader(
            startTime: chunk.startTime, endTime: chunk.endTime, uncompressedSize: UInt64(records.count),
            uncompressedCRC: CRC32.of(records), compression: "")
        let start = buffer.count

        if compressing, case .zstd(let level) = compression {
            if compressor == nil { compressor = ZstdCompressor(level: level) }
            var header = header
            header.compression = "zstd"
            let dataStart = header.encodeOpening(into: &buffer)
            if compressor?.append(records, to: &buffer) == true {
                return finish(header, recordAt: start, dataAt: dataStart, in: &buffer)
            }
            // Out of memory for zstd, or no gain: store it uncompressed.
            buffer.truncate(to: start)
        }
        let dataStart = header.encodeOpening(into: &buffer)
        buffer.append(records)
        return finish(header, recordAt: start, dataAt: dataStart, in: &buffer)
    }

    /// Fills in the two lengths that are known only after the data.
    private func finish(
        _ header: ChunkHeader, recordAt start: Int, dataAt dataStart: Int, in buffer: inout GrowableBuffer
    ) -> ChunkIndex {
        let dataSize = UInt64(buffer.count - dataStart)
        buffer.overwrite(UInt64(buffer.count - start - Layout.recordHeader), at: start + 1)
        buffer.overwrite(dataSize, at: dataStart - 8)
        return ChunkIndex(
            startTime: header.startTime, endTime: header.endTime, offset: 0, length: UInt64(buffer.count - start),
            messageIndexOffsets: [:], messageIndexLength: 0, compression: header.compression,
            compressedSize: dataSize, uncompressedSize: header.uncompressedSize)
    }
}

/// How the writer compresses chunks. A chunk that does not shrink is stored uncompressed.
package enum Compression: Equatable, Sendable {
    case none
    /// zstd, one frame per chunk with content size and checksum. Levels outside zstd's range are clamped.
    case zstd(level: Int)
}

/// A reusable zstd compression context.
struct ZstdCompressor: ~Copyable, @unchecked Sendable {
    // Unchecked: the context has exactly one owner, this noncopyable value.
    private let context: OpaquePointer

    /// Nil if out of memory.
    init?(level: Int) {
        guard let context = ZSTD_createCCtx() else { return nil }
        let level = Int32(clamping: level)
        // zstd clamps the level, and the other two are flags: none of these can fail.
        ZSTD_CCtx_setParameter(context, ZSTD_c_compressionLevel, level)
        ZSTD_CCtx_setParameter(context, ZSTD_c_checksumFlag, 1)
        ZSTD_CCtx_setParameter(context, ZSTD_c_contentSizeFlag, 1)
        self.context = context
    }

    deinit { ZSTD_freeCCtx(context) }

    /// Appends `source` as one frame with content size and checksum to `output`.
    ///
    /// - Returns: false, with `output` unchanged, if the frame would not be smaller or zstd fails (it can run out of
    ///   memory).
    func append(_ source: UnsafeRawBufferPointer, to output: inout GrowableBuffer) -> Bool {
        let position = output.count
        let bound = ZSTD_compressBound(source.count)
        let size = ZSTD_compress2(context, output.extend(by: bound), bound, source.baseAddress, source.count)
        guard ZSTD_isError(size) == 0, size < source.count else {
            output.truncate(to: position)
            return false
        }
        output.truncate(to: position + size)
        return true
    }
}

/// Measures zstd on chunks without recording.
package struct ChunkCompression: ~Copyable {
    private var compressor: ZstdCompressor
    private var output = GrowableBuffer(capacity: 1 << 18)

    /// - Parameter level: as in ``Compression/zstd(level:)``.
    /// - Returns: nil if out of memory.
    package init?(level: Int) {
        guard let compressor = ZstdCompressor(level: level) else { return nil }
        self.compressor = compressor
    }

    /// Compresses like the writer and discards the result.
    ///
    /// - Returns: the compressed size; the original size if compression would not reduce it.
    package mutating func size(of chunk: UnsafeRawBufferPointer) -> Int {
        output.truncate(to: 0)
        return compressor.append(chunk, to: &output) ? output.count : chunk.count
    }
}
