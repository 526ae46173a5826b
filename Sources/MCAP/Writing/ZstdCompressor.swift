import CZstd

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
