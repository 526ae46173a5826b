/// A segment in the record directory, as housekeeping sees it.
package struct StoredSegment: Sendable, Equatable {
    /// File name.
    package var name: String
    /// Bytes of the file.
    package var size: UInt64
    /// Nanoseconds since 1970.
    package var startedAt: UInt64
    /// When it was last written to, nanoseconds since 1970.
    package var endedAt: UInt64
    /// True while a relay holds its lock.
    package var isOpen: Bool
    /// False for one whose relay could not close it.
    package var isClosed: Bool
    /// Missing ids according to its end; nil if unknown: open, unclosed, or after a crash.
    package var missingIDs: UInt64?
    package var isArchived: Bool

    package init(
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
