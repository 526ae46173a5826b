extension CounterTracker {
    /// A position that ids were at, and what was said when they left it.
    struct Position: Sendable {
        var number: Int
        var tracker: SequenceTracker
        var firstID: UInt64
        /// Ids came back to it: so it is a counter's.
        var isCounter = false
        /// What was told when ids left it, or came to it from below: nothing of the sort, if it is a counter's.
        var told: SequenceTracker.Observation?
        /// For what lies below a gap: how often ids came back to it, and where they stood before.
        var returns = 0
        var leftFrom: UInt64?
    }

    /// One of several counters.
    package struct Heard: Sendable, Equatable {
        /// Stays the same as long as it is heard.
        package let number: Int
        /// First and last id since it was first heard.
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

    /// It is missing until now.
    func isOpen(_ id: UInt64) -> Bool { openGaps.contains { $0.contains(id) } }
}
