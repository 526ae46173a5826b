import Capture

/// Compares how far the counter of one channel has come with the ids that arrived. A value without I/O.
///
/// A counter is believed as long as nothing speaks against it: what arrives between two looks lies between their values.
/// One of another database, or one that was set back, tells nothing, and then that is the outcome.
struct CounterComparison {
    enum Outcome: Equatable {
        /// Nothing is to be said yet.
        case nothing
        /// Every id up to this one has arrived, or is told as missing.
        case accounted(UInt64)
        /// Ids were given out and did not arrive: those of `earlier` before this run looked for the first time.
        case missing(earlier: ClosedRange<UInt64>?, ClosedRange<UInt64>)
        /// It cannot be told whether ids are missing.
        case doubt(RecordingDoubt.Reason)
    }

    /// What is known of the channel when the counter has been read.
    struct Arrivals: Equatable {
        /// The last id that arrived or was told as missing, of an earlier run too.
        var lastID: UInt64?
        /// True if one arrived in this run.
        var isOfThisRun = true
        /// How often the ids went back.
        var resets: UInt64 = 0
        /// How many envelopes came whose id nobody can tell, as those have that Lua writes as `1e+14`.
        var withoutID: UInt64 = 0
        /// Something befell the connection, and no id has come since.
        var isDisrupted = false
        var isStopping = false
    }

    private struct Look {
        var value: UInt64
        var lastID: UInt64?
        var resets: UInt64
        var withoutID: UInt64
        /// True if `lastID` is of an earlier run.
        var isEarlier: Bool
    }

    /// The last one that was believed.
    private var look: Look?
    /// It told what could not be; until it names an id that has just arrived it is not this channel's.
    private var isDisbelieved = false

    mutating func compare(_ reading: CounterReading, _ arrivals: Arrivals) -> Outcome {
        let value: UInt64
        switch reading {
        case .value(let counter): value = counter
        // Nobody has published yet.
        case .unreadable(.counterMissing) where arrivals.lastID == nil && (look?.value ?? 0) == 0: value = 0
        case .unreadable(let reason): return doubt(reason, arrivals)
        }
        guard isCredible(value, arrivals) else {
            look = nil
            isDisbelieved = true
            return doubt(.counterInconsistent, arrivals)
        }
        isDisbelieved = false
        let outcome = outcome(value, arrivals)
        var lastID = arrivals.lastID
        if case .missing = outcome {
            guard arrivals.withoutID == look?.withoutID ?? 0 else {
                // They may be the ones that seem to be missing.
                look = nil
                return doubt(.counterInconsistent, arrivals)
            }
            lastID = value
        }
        look = Look(
            value: value, lastID: lastID, resets: arrivals.resets, withoutID: arrivals.withoutID,
            isEarlier: lastID == arrivals.lastID && !arrivals.isOfThisRun)
        return outcome
    }

    private func outcome(_ value: UInt64, _ arrivals: Arrivals) -> Outcome {
        guard let look else { return first(value, arrivals) }
        let hasArrived = look.lastID != arrivals.lastID
        let accounted = hasArrived ? arrivals.lastID ?? 0 : max(arrivals.lastID ?? 0, look.value)
        guard value > accounted else { return .accounted(value) }
        var earlier: ClosedRange<UInt64>?
        if !hasArrived, let last = arrivals.lastID, last < look.value { earlier = last + 1...look.value }
        return .missing(earlier: earlier, accounted + 1...value)
    }

    /// The first look of this run, or behind a counter that was not believed.
    private func first(_ value: UInt64, _ arrivals: Arrivals) -> Outcome {
        guard let last = arrivals.lastID, last < value else { return .accounted(value) }
        // What was given out before this run subscribed is nothing that it lost.
        guard arrivals.isDisrupted || arrivals.isStopping else { return .nothing }
        guard arrivals.isOfThisRun else { return doubt(.connectionLost, arrivals) }
        return .missing(earlier: nil, last + 1...value)
    }

    private func isCredible(_ value: UInt64, _ arrivals: Arrivals) -> Bool {
        guard let last = arrivals.lastID else { return value >= look?.value ?? 0 }
        if value == last { return true }
        guard value > last, !isDisbelieved else { return false }
        guard let look else { return true }
        guard arrivals.resets == look.resets, value >= look.value else { return false }
        return look.lastID == last || last >= look.value
    }

    private func doubt(_ reason: RecordingDoubt.Reason, _ arrivals: Arrivals) -> Outcome {
        // Nothing can be missing if nothing befell us; at the end that is to be shown, and not believed.
        guard arrivals.isDisrupted || (arrivals.isStopping && arrivals.lastID != nil) else { return .nothing }
        return .doubt(reason)
    }

    /// Where, in ids missing before the first one that arrives in this run, those end that were given out before it: up to
    /// there nobody recorded. nil if all are of this run.
    func endOfEarlierRun(within missing: ClosedRange<UInt64>) -> UInt64? {
        guard let look, look.isEarlier, let last = look.lastID, last == missing.lowerBound - 1,
            look.value >= missing.lowerBound
        else { return nil }
        return min(look.value, missing.upperBound)
    }

    /// Ids given out since the first look, if the first of all that arrives is this one.
    func missing(before first: UInt64) -> ClosedRange<UInt64>? {
        guard let look, look.lastID == nil, first > 0, look.value < first - 1 else { return nil }
        return look.value + 1...first - 1
    }
}
