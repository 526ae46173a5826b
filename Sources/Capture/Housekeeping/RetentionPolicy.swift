/// Why a segment was deleted.
package enum RetentionReason: String, Sendable, CaseIterable {
    /// The total size was too large.
    case size
    /// It was too old.
    case age
    /// Disk space was low, and the segment was kept only because it was not archived yet.
    case diskLow = "disk_low"
}

/// Which segments may be deleted.
package struct RetentionPolicy: Sendable, Equatable {
    /// A segment that must go, and why.
    package struct Deletion: Sendable, Equatable {
        /// File name.
        package var name: String
        /// Why it must go.
        package var reason: RetentionReason
    }

    /// Maximum bytes of all segments together; nil for no limit.
    package var size: UInt64?
    /// How long a segment is kept after its last write, in nanoseconds; nil for no limit.
    package var age: UInt64?
    /// Whether a segment must be archived before deletion.
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

    /// The segments to delete, oldest first; never an open one.
    ///
    /// - Parameters:
    ///   - segments: all of the directory, in order of time. Open ones count for the size.
    ///   - now: nanoseconds since 1970.
    ///   - diskLow: disk space is low, so due segments are deleted even if not archived.
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
        // After a clock was set back, nothing is old.
        if let age, now > segment.endedAt, now - segment.endedAt > age { return .age }
        if let size, total > size { return .size }
        return nil
    }
}
