/// When a segment has become large or old enough to begin the next.
package struct RotationPolicy: Sendable, Equatable {
    /// Bytes of a segment file at which the next begins.
    package var segmentSize: UInt64
    /// Age of a segment at which the next begins, in nanoseconds.
    package var segmentDuration: UInt64
    /// Bytes of index at which the next begins: they stay in memory until the segment is closed, and then twice. Each
    /// chunk lists its channels there, so only a segment of hundreds of channels comes to it. Just below a power of two,
    /// to which the memory for it grows.
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
    ///   - age: nanoseconds since the segment was begun, on a clock that does not step.
    package func isDue(size: UInt64, indexSize: Int, age: UInt64) -> Bool {
        size >= segmentSize || indexSize >= self.indexSize || age >= segmentDuration
    }
}

/// When data is forced to the disk. The page cache outlives the relay in every case; this is about the machine.
package enum Durability: Sendable, Equatable {
    /// The system decides, typically within 30 s.
    case never
    /// At most this many nanoseconds of recording are not yet forced.
    case interval(nanoseconds: UInt64)
    /// After each flush, so about six times a second.
    case eachFlush
}
