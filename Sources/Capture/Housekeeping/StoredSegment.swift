/// A segment in the record directory, as housekeeping sees it.
public struct StoredSegment: Sendable, Equatable {
    /// File name.
    public var name: String
    /// Bytes of the file.
    public var size: UInt64
    /// Nanoseconds since 1970.
    public var startedAt: UInt64
    /// When it was last written to, nanoseconds since 1970.
    public var endedAt: UInt64
    /// True while a relay, this one or another, holds its lock.
    public var isOpen: Bool
    /// False for one whose relay could not close it.
    public var isClosed: Bool
    /// Ids that its end says are missing in it; nil where it does not say: open, unclosed, or after a crash.
    public var missingIDs: UInt64?
    public var isArchived: Bool

    public init(
        name: String, size: UInt64, startedAt: UInt64, endedAt: UInt64, isOpen: Bool = false, isClosed: Bool = true,
        missingIDs: UInt64? = nil, isArchived: Bool = false
    ) {
        self.name = name
        self.size = size
        self.startedAt = startedAt
        self.endedAt = endedAt
        self.isOpen = isOpen
        self.isClosed = isClosed
        self.missingIDs = missingIDs
        self.isArchived = isArchived
    }
}
