import Backplane
import Capture

/// The ids of one channel of SignalR 2: determines from ids and counter what is missing and why. A value without I/O,
/// shared by recording and observing.
///
/// A disruption affects a channel until its next envelope has arrived.
struct ChannelIDs {
    /// Missing ids.
    struct Hole: Equatable {
        var ids: ClosedRange<UInt64>
        var cause: GapCause
    }

    /// A finding to report.
    enum Finding: Equatable {
        ///   - earlier: from the time before this run.
        case missing(earlier: Hole?, Hole?)
        /// Ids were skipped without a disruption. It may be another counter's turn.
        case jump(ClosedRange<UInt64>)
        ///   - isSure: false if it may be another counter's turn.
        case duplicate(UInt64, isOfThisRun: Bool, isSure: Bool = true)
        case counterReset(from: UInt64, to: UInt64, isOfThisRun: Bool, isSure: Bool = false)
        /// The id continues another counter. `isNews` if this reveals a further counter.
        ///
        ///   - withdraws: earlier findings that this one proves wrong.
        case turn(isNews: Bool, withdraws: [CaptureEvent.Withdrawn] = [])
        /// It arrived late, or with a restored counter: nothing is missing.
        case outOfOrder
        case doubt(RecordingDoubt)
    }

    private var tracker: CounterTracker
    private var comparison = CounterComparison()
    /// Number of disruptions known at the last envelope.
    private var settled: Int
    /// From an earlier run.
    private let earlierID: UInt64?
    private let earlierCause: GapCause?
    /// Envelopes with unreadable ids.
    private var withoutID: UInt64 = 0
    /// The counter was set back in a disruption, and its first ids did not arrive: reported with the next reading.
    private var unseenStart: RecordingDoubt?
    /// Number of disruptions at the last doubt.
    private var doubted = 0

    /// - Parameters:
    ///   - earlierID: the last id recorded by an earlier run.
    ///   - cause: why later ids are missing.
    init(earlierID: UInt64? = nil, cause: GapCause? = nil) {
        self.earlierID = earlierID
        earlierCause = earlierID == nil ? nil : cause
        tracker = CounterTracker(lastID: earlierID)
        settled = earlierCause == nil ? 1 : 0
    }

    /// The last id that arrived or is known to be missing.
    var lastID: UInt64? { tracker.lastID }
    /// Number of counters known to assign ids.
    var counters: Int { tracker.counters }

    /// The subscription began again after an interruption.
    mutating func resubscribed() { tracker.closeGaps() }

    // MARK: - Envelopes

    /// An envelope arrived.
    ///
    /// - Parameters:
    ///   - id: nil if unreadable.
    ///   - isTwin: if it has the previous id: whether it is, or may be, a different envelope.
    /// - Returns: nil without an id.
    @inline(__always)
    mutating func observe(_ id: UInt64?, isTwin: Bool = false) -> CounterTracker.Observation? {
        guard let id else {
            withoutID &+= 1
            return nil
        }
        let sequence = tracker.observe(id)
        return isTwin && sequence == .one(.duplicate) ? tracker.observeTwin() : sequence
    }

    /// True if ``finding(_:id:isTwin:amid:)`` has nothing to report. The common case costs only a few comparisons.
    @inline(__always)
    func isInLine(_ sequence: CounterTracker.Observation?, disruptions: Int) -> Bool {
        guard settled == disruptions else { return false }
        switch sequence {
        case nil, .one(.inOrder), .one(.first): return true
        default: return false
        }
    }

    /// Interprets the result of ``observe(_:isTwin:)`` in view of earlier events.
    mutating func finding(
        _ sequence: CounterTracker.Observation?, id: UInt64?, isTwin: Bool = false, amid disruptions: Disruptions
    ) -> Finding? {
        let why = settle(disruptions)
        switch sequence {
        // It looks unchanged, but the counter restarted at 0 and has just reached the last id again.
        case .one(.inOrder), .one(.duplicate):
            guard let id, let why, !why.isEarlier, disruptions.beganEmpty else {
                return sequence == .one(.inOrder) ? nil : deviation(.one(.duplicate), id: id ?? 0, isTwin: isTwin, why)
            }
            let last = sequence == .one(.inOrder) ? id - 1 : id
            return .counterReset(from: last, to: id, isOfThisRun: true, isSure: true)
        case nil: return nil
        case .one(.first):
            // After a lost connection: the counter's first reading may reveal ids before it.
            guard let why, !why.isEarlier, let ids = comparison.missing(before: id ?? 0) else { return nil }
            return .missing(earlier: nil, Hole(ids: ids, cause: why.cause))
        case .some(let sequence):
            if case .one(.counterReset(let from, let to)) = sequence, to > 1, let why, !why.isEarlier,
                doubted != disruptions.count
            {
                unseenStart = RecordingDoubt(after: from, reason: .counterInconsistent, cause: why.cause.rawValue)
            }
            return deviation(sequence, id: id ?? 0, isTwin: isTwin, why)
        }
    }

    private func deviation(
        _ sequence: CounterTracker.Observation, id: UInt64, isTwin: Bool = false,
        _ why: (cause: GapCause, isEarlier: Bool)?
    ) -> Finding {
        let isOfThisRun = why?.isEarlier != true
        switch sequence {
        case .one(.gap(let from, let to)): return gap(from...to, why)
        case .one(.duplicate): return .duplicate(id, isOfThisRun: isOfThisRun, isSure: !isTwin)
        case .one(.counterReset(let from, let to)):
            let isSure = why?.cause == .redisRestart || why?.cause == .failover
            return .counterReset(from: from, to: to, isOfThisRun: isOfThisRun, isSure: isSure)
        case .turn(let isNews): return .turn(isNews: isNews, withdraws: CaptureEvent.Withdrawn.all(tracker))
        case .one(.first), .one(.inOrder), .one(.late), .restored: return .outOfOrder
        }
    }

    /// - Parameter why: nil if there was no disruption since the last id.
    private func gap(_ ids: ClosedRange<UInt64>, _ why: (cause: GapCause, isEarlier: Bool)?) -> Finding {
        guard let why else { return .jump(ids) }
        if why.isEarlier { return .missing(earlier: Hole(ids: ids, cause: why.cause), nil) }
        guard let end = comparison.endOfEarlierRun(within: ids) else {
            return .missing(earlier: nil, Hole(ids: ids, cause: why.cause))
        }
        return .missing(
            earlier: Hole(ids: ids.lowerBound...end, cause: earlierCause ?? .notRecording),
            end < ids.upperBound ? Hole(ids: end + 1...ids.upperBound, cause: why.cause) : nil)
    }

    /// Envelopes with these ids arrived; nothing else is known of them.
    mutating func dropped(_ ids: ClosedRange<UInt64>, amid disruptions: Disruptions) -> [Finding] {
        let why = settle(disruptions)
        let sequence = tracker.observe(ids.lowerBound)
        var findings: [Finding] = []
        switch sequence {
        case .one(.inOrder), .one(.first): break
        default: findings.append(deviation(sequence, id: ids.lowerBound, why))
        }
        // A repetition, or still missing: already reported.
        if sequence == .one(.duplicate) || sequence == .one(.late) { return findings }
        _ = tracker.missed(through: ids.upperBound)
        return findings + [.missing(earlier: nil, Hole(ids: ids, cause: .dropped))]
    }

    // MARK: - The counter

    /// Determines whether all ids assigned by the counter have arrived.
    ///
    /// - Returns: the findings; for the last reading also the id up to which everything is recorded or reported.
    mutating func compare(
        _ reading: CounterReading, of look: CounterReadings, amid disruptions: Disruptions
    ) -> (finding: Finding?, checkedID: UInt64?) {
        // A single key says nothing about several counters.
        guard tracker.counters == 1 else { return (nil, nil) }
        if let doubt = unseenStart {
            unseenStart = nil
            doubted = disruptions.count
            return (.doubt(doubt), nil)
        }
        let isDisrupted = disruptions.count > 1 && settled != disruptions.count
        let outcome = comparison.compare(
            reading,
            CounterComparison.Arrivals(
                lastID: lastID, isOfThisRun: lastID != earlierID, resets: tracker.resets, withoutID: withoutID,
                isDisrupted: isDisrupted, isStopping: look.isLast))
        switch outcome {
        case .nothing: return (nil, nil)
        // The counter began again, and has just reached the last id.
        case .accounted(let id) where isDisrupted && disruptions.beganEmpty && id == lastID && id > 0:
            guard doubted != disruptions.count || look.isLast else { return (nil, nil) }
            doubted = disruptions.count
            let cause = disruptions.cause?.rawValue
            return (.doubt(RecordingDoubt(after: id, reason: .counterReset, cause: cause)), nil)
        case .accounted(let id):
            if isDisrupted { _ = settle(disruptions) }
            return (nil, look.isLast ? id : nil)
        case .missing(let earlier, let ids):
            let cause = isDisrupted ? settle(disruptions)?.cause : look.isFenced ? .foreignPublish : .stopped
            _ = tracker.missed(through: ids.upperBound)
            let finding = Finding.missing(
                earlier: earlier.map { Hole(ids: $0, cause: earlierCause ?? .notRecording) },
                Hole(ids: ids, cause: cause ?? .foreignPublish))
            return (finding, look.isLast ? ids.upperBound : nil)
        case .doubt(let reason):
            let cause = isDisrupted ? disruptions.cause : nil
            doubted = disruptions.count
            return (.doubt(RecordingDoubt(after: lastID, reason: reason, cause: cause?.rawValue)), nil)
        }
    }

    /// An envelope of this channel arrived.
    ///
    /// - Returns: why ids before it may be missing; `isEarlier` if that concerns the time before this run.
    mutating func settle(_ disruptions: Disruptions) -> (cause: GapCause, isEarlier: Bool)? {
        guard settled != disruptions.count else { return nil }
        settled = disruptions.count
        if disruptions.count == 1 { return earlierCause.map { ($0, true) } }
        return disruptions.cause.map { ($0, false) }
    }
}

extension ChannelIDs.Finding {
    /// False for deviations that one counter explains as well as several in turn.
    var isSure: Bool {
        switch self {
        case .jump: false
        case .duplicate(_, _, let isSure), .counterReset(_, _, _, let isSure): isSure
        case .missing, .turn, .outOfOrder, .doubt: true
        }
    }

    /// The events for it, in order; empty for findings that are not reported each time.
    func events(channel: Int) -> [RelayEvent] {
        switch self {
        case .missing(let earlier, let own):
            var events: [RelayEvent] = []
            if let earlier {
                events.append(.gap(channel: channel, ids: earlier.ids, cause: earlier.cause, isOfThisRun: false))
            }
            if let own { events.append(.gap(channel: channel, ids: own.ids, cause: own.cause, isOfThisRun: true)) }
            return events
        case .jump(let ids): return [.gap(channel: channel, ids: ids, cause: .foreignPublish, isOfThisRun: true)]
        case .duplicate(let id, let isOfThisRun, _):
            return [.duplicate(channel: channel, id: id, isOfThisRun: isOfThisRun)]
        case .counterReset(let from, let to, let isOfThisRun, _):
            return [.counterReset(channel: channel, from: from, to: to, isOfThisRun: isOfThisRun)]
        case .doubt(let doubt): return [.mayBeMissing(channel: channel, doubt)]
        case .turn, .outOfOrder: return []
        }
    }
}
