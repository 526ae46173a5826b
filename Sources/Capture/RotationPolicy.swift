/// When a segment is large or old enough to start the next.
package struct RotationPolicy: Sendable, Equatable {
    /// Bytes of a segment file at which the next one starts.
    package var segmentSize: UInt64
    /// Age of a segment at which the next one starts, in nanoseconds.
    package var segmentDuration: UInt64
    /// Bytes of index at which the next segment starts. The index stays in memory until the segment is closed, and then
    /// twice. Each chunk lists its channels in it, so only a segment with hundreds of channels reaches the limit. Just
    /// below a power of two, because the buffer doubles.
    package var indexSize = 15 << 20

    /// - Parameters:
    ///   - segmentSize: bytes of a file.
    ///   - segmentDuration: nanoseconds.
    package init(segmentSize: UInt64 = 256 << 20, segmentDuration: UInt64 = 3_600_000_000_000) {
        precondition(segmentSize > 0 && segmentDuration > 0)
        self.segmentSize = segmentSize
        self.segmentDuration = segmentDuration
    }

    /// - Parameters:
    ///   - size: bytes written so far.
    ///   - indexSize: bytes of index so far.
    ///   - age: nanoseconds since the segment was started, on a clock that does not step.
    package func isDue(size: UInt64, indexSize: Int, age: UInt64) -> Bool {
        size >= segmentSize || indexSize >= self.indexSize || age >= segmentDuration
    }
}

/// When to force data to the disk. The page cache survives a crash of the relay in any case; this is about the machine.
package enum Durability: Sendable, Equatable {
    /// The system decides, typically within 30 s.
    case never
    /// At most this many nanoseconds of recording are not on the disk yet.
    case interval(nanoseconds: UInt64)
    /// After each flush, about six times per second.
    case eachFlush
}
