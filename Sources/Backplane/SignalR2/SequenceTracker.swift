/// Classifies the ids of one channel.
///
/// Ids are dense and ascending because one atomic script counts and publishes; every deviation has a name here. A value
/// without I/O and bounded: it remembers the last id and the `maximumOpenGaps` most recent gaps.
package struct SequenceTracker: Sendable {
    /// The meaning of an id relative to the previous ones.
    package enum Observation: Equatable, Sendable {
        /// There is no previous id.
        case first
        /// One above the last.
        case inOrder
        /// Ids are missing before it: `from` to `to`, both included.
        case gap(from: UInt64, to: UInt64)
        /// The last id again.
        case duplicate
        /// Below the last id and in no open gap: the counter was set back. `from` is the last id before, `to` this id.
        case counterReset(from: UInt64, to: UInt64)
        /// Below the last id, and missing until now.
        case late
    }

    /// How many gaps are remembered. An id from a dropped gap looks like a counter reset.
    package static let maximumOpenGaps = 64

    /// The id that the next one is compared with: the highest since the start or the last counter reset.
    package var lastID: UInt64? { last }

    /// Ranges of missing ids, ascending and disjoint. A counter reset clears them.
    package private(set) var openGaps: [ClosedRange<UInt64>] = []

    /// Missing ids that have not arrived late. Saturates at `UInt64.max`.
    package private(set) var missing: UInt64 = 0
    /// Times that ids were skipped.
    package private(set) var gaps: UInt64 = 0
    /// Ids that came twice in a row.
    package private(set) var duplicates: UInt64 = 0
    /// Times that ids went back.
    package private(set) var resets: UInt64 = 0
    /// Ids that came late into an open gap.
    package private(set) var late: UInt64 = 0

    /// Stored separately from the package property, because its setter could not be inlined into other modules.
    @usableFromInline
    var last: UInt64?

    /// - Parameter lastID: the last id from before, so that a gap up to the first one is detected.
    package init(lastID: UInt64? = nil) {
        last = lastID
    }

    /// Observes an id.
    @inlinable
    package mutating func observe(_ id: UInt64) -> Observation {
        if let last, id > last, id - last == 1 {
            self.last = id
            return .inOrder
        }
        return observeOutOfOrder(id)
    }

    @usableFromInline
    mutating func observeOutOfOrder(_ id: UInt64) -> Observation {
        guard let last else {
            self.last = id
            return .first
        }
        if id == last {
            duplicates += 1
            return .duplicate
        }
        if id > last {
            return openGap(last + 1...id - 1, seen: id)
        }
        if fill(id) {
            late += 1
            return .late
        }
        resets += 1
        openGaps.removeAll(keepingCapacity: true)
        self.last = id
        return .counterReset(from: last, to: id)
    }

    /// Ids up to this one were assigned and will not arrive: the next one is compared with it.
    ///
    /// - Returns: the gap; nil if the last id is not below it.
    package mutating func missed(through id: UInt64) -> Observation? {
        guard let last else {
            self.last = id
            return nil
        }
        return id > last ? openGap(last + 1...id, seen: id) : nil
    }

    /// - Parameter id: the last id from now on.
    private mutating func openGap(_ gap: ClosedRange<UInt64>, seen id: UInt64) -> Observation {
        gaps += 1
        // Ids come from outside: a hostile one must not overflow the sum. The count itself cannot overflow: 0 and
        // UInt64.max are never both missing.
        let (sum, overflow) = missing.addingReportingOverflow(gap.upperBound - gap.lowerBound + 1)
        missing = overflow ? .max : sum
        openGaps.append(gap)
        forgetOldestGaps()
        last = id
        return .gap(from: gap.lowerBound, to: gap.upperBound)
    }

    /// Removes an id from its gap; false if there is none.
    private mutating func fill(_ id: UInt64) -> Bool {
        guard let index = openGaps.lastIndex(where: { $0.contains(id) }) else { return false }
        let gap = openGaps[index]
        var rest: [ClosedRange<UInt64>] = []
        if gap.lowerBound < id { rest.append(gap.lowerBound...id - 1) }
        if id < gap.upperBound { rest.append(id + 1...gap.upperBound) }
        openGaps.replaceSubrange(index...index, with: rest)
        forgetOldestGaps()
        missing -= 1
        return true
    }

    /// Ids that are missing now can no longer arrive.
    mutating func closeGaps() { openGaps.removeAll(keepingCapacity: true) }

    /// The missing part of a gap was never assigned.
    mutating func forget(_ range: ClosedRange<UInt64>) {
        for gap in openGaps where gap.overlaps(range) {
            let part = gap.clamped(to: range)
            missing -= min(missing, part.upperBound - part.lowerBound + 1)
        }
        openGaps = openGaps.flatMap { gap -> [ClosedRange<UInt64>] in
            guard gap.overlaps(range) else { return [gap] }
            var rest: [ClosedRange<UInt64>] = []
            if gap.lowerBound < range.lowerBound { rest.append(gap.lowerBound...range.lowerBound - 1) }
            if gap.upperBound > range.upperBound { rest.append(range.upperBound + 1...gap.upperBound) }
            return rest
        }
    }

    private mutating func forgetOldestGaps() {
        openGaps.removeFirst(max(0, openGaps.count - Self.maximumOpenGaps))
    }
}
