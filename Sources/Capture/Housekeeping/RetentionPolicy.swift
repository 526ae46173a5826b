/// Why a segment was deleted.
package enum RetentionReason: String, Sendable, CaseIterable {
    /// All of them together were too large.
    case size
    /// It was too old.
    case age
    /// The disk was low, and it was kept only because it was not archived yet.
    case diskLow = "disk_low"
}

/// Which segments may go.
package struct RetentionPolicy: Sendable, Equatable {
    /// A segment that must go, and why.
    package struct Deletion: Sendable, Equatable {
        /// File name.
        package var name: String
        package var reason: RetentionReason
    }

    /// Bytes that all segments together may take; nil for any.
    package var size: UInt64?
    /// For how long a segment is kept after its last write, in nanoseconds; nil for ever.
    package var age: UInt64?
    /// Whether a segment must be archived before it may go.
    package var needsArchive: Bool

    /// - Parameters:
    ///   - size: bytes of all segments together; nil for no limit.
    ///   - age: nanoseconds since the last write; nil for no limit.
    ///   - needsArchive: deletes only what the archive command has confirmed.
    package init(size: UInt64? = nil, age: UInt64? = nil, needsArchive: Bool = false) {
        self.size = size
        self.age = age
        self.needsArchive = needsArchive
    }

    /// Whether nothing is ever deleted.
    package var isOff: Bool { size == nil && age == nil }

    /// What goes, oldest first; never an open segment.
    ///
    /// - Parameters:
    ///   - segments: all of the directory, in the order of time. The open ones count for the size.
    ///   - now: nanoseconds since 1970.
    ///   - diskLow: the disk guard has struck: what is due goes though it is not archived.
    package func deletions(_ segments: [StoredSegment], now: UInt64, diskLow: Bool = false) -> [Deletion] {
        var total = segments.reduce(0) { $0 + $1.size }
        var deletions: [Deletion] = []
        for segment in segments where !segment.isOpen {
            guard let reason = reason(for: segment, total: total, now: now) else { continue }
            let isHeld = needsArchive && !segment.isArchived
            if isHeld, !diskLow { continue }
            total -= segment.size
            deletions.append(Deletion(name: segment.name, reason: isHeld ? .diskLow : reason))
        }
        return deletions
    }

    private func reason(for segment: StoredSegment, total: UInt64, now: UInt64) -> RetentionReason? {
        // A clock that was set back makes nothing old.
        if let age, now > segment.endedAt, now - segment.endedAt > age { return .age }
        if let size, total > size { return .size }
        return nil
    }
}
