/// Whether chunks are compressed while the recorder falls behind.
///
/// zstd takes several times what the rest of the way to the disk does. Where it holds the recorder up, chunks are stored
/// as they are until that has caught up: a larger file instead of lost envelopes. Where the disk holds it up, compressing
/// helps. So both ways are measured, and the cheaper one is taken; as long as the recorder keeps up, all is compressed.
struct CompressionChoice {
    /// The recorder is behind from this fill of the queue before it on, and until the other.
    static let behind = 0.25
    static let caughtUp = 0.0625
    /// What was measured counts half after this time, in nanoseconds: several intervals of forcing to the disk. A way that
    /// was not taken meanwhile is tried again: what it took once may have been a stall.
    static let halfLife: UInt64 = 4_000_000_000

    private struct Encoding {
        /// Of chunks, uncompressed.
        var records = 0.0
        var written = 0.0
        var nanoseconds = 0.0
        /// Whether anything was added since it was halved.
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
        // Nanoseconds a byte of records, each way.
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

    /// Bytes were handed to the disk; or, with none, those before were forced to it.
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
