import Capture

/// Compares the value of one channel's counter with received ids. A value without I/O.
///
/// A counter is trusted while it is plausible: ids received between two readings lie between their values. A counter of
/// another database, or one that was set back, gives no information, which is then the outcome.
struct CounterComparison {
    enum Outcome: Equatable {
        /// Nothing to report yet.
        case nothing
        /// Every id up to this one has arrived or is reported missing.
        case accounted(UInt64)
        /// Ids were assigned but did not arrive: those of `earlier` before this run's first reading.
        case missing(earlier: ClosedRange<UInt64>?, ClosedRange<UInt64>)
        /// It is unknown whether ids are missing.
        case doubt(RecordingDoubt.Reason)
    }

    /// What is known about the channel when the counter was read.
    struct Arrivals: Equatable {
        /// The last id that arrived or was reported missing, including an earlier run.
        var lastID: UInt64?
        /// True if one arrived in this run.
        var isOfThisRun = true
        /// How often ids went back.
        var resets: UInt64 = 0
        /// Number of envelopes with unknown ids, such as those written by Lua as `1e+14`.
        var withoutID: UInt64 = 0
        /// There was a disruption, and no id has arrived since.
        var isDisrupted = false
        var isStopping = false
    }

    private struct Look {
        var value: UInt64
        var lastID: UInt64?
        var resets: UInt64
        var withoutID: UInt64
        /// True if `lastID` is from an earlier run.
        var isEarlier: Bool
    }

    /// The last trusted reading.
    private var look: Look?
    /// It had an impossible value; it is ignored until it matches an id that has just arrived.
    private var isDisbelieved = false

    mutating func compare(_ reading: CounterReading, _ arrivals: Arrivals) -> Outcome {
        let value: UInt64
        switch reading {
        case .value(let counter): value = counter
        // Nothing has been published yet.
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

    /// The first reading of this run, or after an implausible one.
    private func first(_ value: UInt64, _ arrivals: Arrivals) -> Outcome {
        guard let last = arrivals.lastID, last < value else { return .accounted(value) }
        // Ids assigned before this run's subscription are not its losses.
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
        // Nothing can be missing without a disruption; at the end this must be verified, not assumed.
        guard arrivals.isDisrupted || (arrivals.isStopping && arrivals.lastID != nil) else { return .nothing }
        return .doubt(reason)
    }

    /// Of ids missing before the first one received in this run: the last one assigned before the run, when no relay
    /// was recording. nil if all are of this run.
    func endOfEarlierRun(within missing: ClosedRange<UInt64>) -> UInt64? {
        guard let look, look.isEarlier, let last = look.lastID, last == missing.lowerBound - 1,
            look.value >= missing.lowerBound
        else { return nil }
        return min(look.value, missing.upperBound)
    }

    /// Ids assigned since the first reading, if this is the first id to arrive.
    func missing(before first: UInt64) -> ClosedRange<UInt64>? {
        guard let look, look.lastID == nil, first > 0, look.value < first - 1 else { return nil }
        return look.value + 1...first - 1
    }
}
