/// What a reader refuses to load into memory.
package struct ReadLimits: Sendable {
    /// Bytes of one record, and of a whole summary section.
    package var maximumRecordSize: UInt64
    /// Bytes of one chunk's records, decompressed; at most 4 GiB, so that its message indexes can be written.
    package var maximumChunkSize: UInt64
    /// Number of damaged places after which reading stops.
    package var maximumDamages: Int

    /// Limits against hostile files; the defaults are those of the product.
    package init(
        maximumRecordSize: UInt64 = 1 << 30, maximumChunkSize: UInt64 = 1 << 30, maximumDamages: Int = 10_000
    ) {
        self.maximumRecordSize = maximumRecordSize
        self.maximumChunkSize = min(maximumChunkSize, UInt64(UInt32.max))
        self.maximumDamages = maximumDamages
    }
}
