extension CounterTracker {
    /// A position that ids were at, and what was reported when they left it.
    struct Position: Sendable {
        var number: Int
        var tracker: SequenceTracker
        var firstID: UInt64
        /// Ids came back to it, which shows that it belongs to a counter.
        var isCounter = false
        /// What was reported when ids left it, or reached it from below. Withdrawn if the position belongs to a
        /// counter.
        var told: SequenceTracker.Observation?
        /// For a position below a gap: how often ids came back to it, and the id before they did so.
        var returns = 0
        var leftFrom: UInt64?
    }

    /// One of several counters.
    package struct Heard: Sendable, Equatable {
        /// Stays the same as long as ids of this counter arrive.
        package let number: Int
        /// First and last id received from this counter.
        package let ids: ClosedRange<UInt64>

        init(number: Int, firstID: UInt64, lastID: UInt64?) {
            let last = lastID ?? firstID
            self.number = number
            ids = min(firstID, last)...max(firstID, last)
        }
    }
}

extension SequenceTracker {
    func isNext(_ id: UInt64) -> Bool {
        guard let lastID else { return false }
        return id > lastID && id - lastID == 1
    }

    /// Whether the id is in a gap and has not arrived late.
    func isOpen(_ id: UInt64) -> Bool { openGaps.contains { $0.contains(id) } }
}

extension UInt64 {
    func addingSaturated(_ other: UInt64) -> UInt64 {
        let (sum, overflow) = addingReportingOverflow(other)
        return overflow ? .max : sum
    }
}
