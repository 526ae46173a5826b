/// What zstd makes of chunks, for those who want to know before they record.
package struct ChunkCompression: ~Copyable {
    private var compressor: ZstdCompressor
    private var output = GrowableBuffer(capacity: 1 << 18)

    /// - Parameter level: as of ``Compression/zstd(level:)``.
    /// - Returns: nil if there is no memory for it.
    package init?(level: Int) {
        guard let compressor = ZstdCompressor(level: level) else { return nil }
        self.compressor = compressor
    }

    /// Compresses as the writer does, and forgets the result.
    ///
    /// - Returns: bytes of the result, as many as went in if it would not be smaller.
    package mutating func size(of chunk: UnsafeRawBufferPointer) -> Int {
        output.truncate(to: 0)
        return compressor.append(chunk, to: &output) ? output.count : chunk.count
    }
}
