/// When recording must pause for want of space, and when it may go on.
public struct DiskGuard: Sendable, Equatable {
    public enum Change: Sendable, Equatable {
        case low
        case recovered
    }

    /// Bytes that must stay free; 0 switches the guard off.
    public let minimum: UInt64
    public private(set) var isLow = false

    public init(minimum: UInt64) {
        self.minimum = minimum
    }

    /// A tenth more than the minimum, so that it does not flutter around it.
    public var resumesAt: UInt64 {
        let (sum, overflow) = minimum.addingReportingOverflow(minimum / 10)
        return overflow ? .max : sum
    }

    /// True if there is too little, by the mark that counts now.
    public func isShort(free: UInt64) -> Bool {
        minimum > 0 && free < (isLow ? resumesAt : minimum)
    }

    /// - Parameter free: bytes left on the file system.
    public mutating func observe(free: UInt64) -> Change? {
        let short = isShort(free: free)
        guard short != isLow else { return nil }
        isLow = short
        return short ? .low : .recovered
    }
}
