/// Decides when recording must pause because disk space is low, and when it may resume.
package struct DiskGuard: Sendable, Equatable {
    /// What a look at the free space changed.
    package enum Change: Sendable, Equatable {
        case low
        case recovered
    }

    /// Bytes that must stay free; 0 disables the guard.
    package let minimum: UInt64
    /// Whether recording must pause.
    package private(set) var isLow = false

    /// - Parameter minimum: bytes that must stay free; 0 for no guard.
    package init(minimum: UInt64) {
        self.minimum = minimum
    }

    /// A tenth above the minimum, to avoid flapping.
    package var resumesAt: UInt64 {
        let (sum, overflow) = minimum.addingReportingOverflow(minimum / 10)
        return overflow ? .max : sum
    }

    /// True if there is too little space, by the threshold of the current state.
    package func isShort(free: UInt64) -> Bool {
        minimum > 0 && free < (isLow ? resumesAt : minimum)
    }

    /// - Parameter free: free bytes on the file system.
    package mutating func observe(free: UInt64) -> Change? {
        let short = isShort(free: free)
        guard short != isLow else { return nil }
        isLow = short
        return short ? .low : .recovered
    }
}
