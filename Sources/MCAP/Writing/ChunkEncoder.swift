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
