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
