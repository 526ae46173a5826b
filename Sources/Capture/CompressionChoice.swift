/// Decides whether to compress chunks while the recorder falls behind.
///
/// zstd takes several times as long as the rest of the path to the disk. If compression is the bottleneck, chunks are
/// stored uncompressed until the recorder has caught up: a larger file instead of lost envelopes. If the disk is the
/// bottleneck, compression helps. Both are measured and the cheaper one is chosen; while the recorder keeps up,
/// everything is compressed.
struct CompressionChoice {
    /// The recorder is behind above this fill of its queue, and until it falls below the lower mark.
    static let behind = 0.25
    static let caughtUp = 0.0625
    /// Half-life of measurements, in nanoseconds: several sync intervals. An option not used for so long is tried
    /// again, because an earlier measurement may have been a stall.
    static let halfLife: UInt64 = 4_000_000_000

    private struct Encoding {
        /// Bytes of chunks, uncompressed.
        var records = 0.0
        var written = 0.0
        var nanoseconds = 0.0
        /// True if something was added since the last halving.
        private var isFresh = false

        mutating func add(_ other: Encoding) {
            isFresh = true
            records += other.records
            written += other.written
            nanoseconds += other.nanoseconds
        }

        mutating func age() {
            guard isFresh else { return self = Encoding() }
            isFresh = false
            records /= 2
            written /= 2
            nanoseconds /= 2
        }

        init(records: Int = 0, written: Int = 0, nanoseconds: UInt64 = 0) {
            self.records = Double(records)
            self.written = Double(written)
            self.nanoseconds = Double(nanoseconds)
        }
    }

    private var compressed = Encoding()
    private var stored = Encoding()
    private var writtenBytes = 0.0
    private var writingNanoseconds = 0.0
    private var halvedAt: UInt64?
    private var isBehind = false

    /// - Parameters:
    ///   - backlog: how full the queue before the recorder is, 0 to 1.
    ///   - now: of the monotonic clock, in nanoseconds.
    mutating func compresses(backlog: Double, at now: UInt64) -> Bool {
        age(now)
        if backlog >= Self.behind { isBehind = true }
        if backlog <= Self.caughtUp { isBehind = false }
        guard isBehind, compressed.records > 0, writtenBytes > 0 else { return true }
        // Nanoseconds per byte of records, for each option.
        let writing = writingNanoseconds / writtenBytes
        let compressing = (compressed.nanoseconds + compressed.written * writing) / compressed.records
        let storing = (stored.records > 0 ? stored.nanoseconds / stored.records : 0) + writing
        return compressing <= storing
    }

    /// A chunk is encoded.
    ///
    /// - Parameters:
    ///   - records: bytes of it, uncompressed.
    ///   - written: bytes that it became.
    mutating func encoded(_ records: Int, into written: Int, compressing: Bool, nanoseconds: UInt64) {
        let encoding = Encoding(records: records, written: written, nanoseconds: nanoseconds)
        if compressing { compressed.add(encoding) } else { stored.add(encoding) }
    }

    /// Bytes were written; 0 bytes: earlier ones were synced.
    mutating func wrote(_ bytes: Int, nanoseconds: UInt64) {
        writtenBytes += Double(bytes)
        writingNanoseconds += Double(nanoseconds)
    }

    private mutating func age(_ now: UInt64) {
        guard let halvedAt else { return halvedAt = now }
        guard now - halvedAt >= Self.halfLife else { return }
        self.halvedAt = now
        compressed.age()
        stored.age()
        writtenBytes /= 2
        writingNanoseconds /= 2
    }
}
