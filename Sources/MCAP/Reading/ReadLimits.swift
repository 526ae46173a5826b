/// What a reader refuses to take into memory, whatever a file says.
package struct ReadLimits: Sendable {
    /// Bytes of one record, and of a whole summary section.
    package var maximumRecordSize: UInt64
    /// Bytes of one chunk's records once uncompressed; never more than 4 GiB, so that its message indexes can be written.
    package var maximumChunkSize: UInt64
    /// Damaged places after which the rest of a file is given up.
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
