import Backplane
import Capture

/// Jumps of ids and repeated ids, which may be explained by one counter or by two in turn: held back until the next ids
/// decide.
///
/// One counter continues from its new position. With two in turn, the other one continues too, and there was no jump.
/// Only the report is delayed: the envelopes and the event are recorded in their places. A value without I/O.
struct DeviationHold {
    struct Deviation: Equatable {
        let channel: Int
        let event: CaptureEvent.Withdrawn
        let observation: SequenceTracker.Observation
        /// False if it is from an earlier run, and does not count in this run's metrics.
        let counts: Bool
        /// When it is reported, on the monotonic clock, in nanoseconds.
        fileprivate(set) var until: UInt64 = 0
        fileprivate var isExtended = false
        fileprivate var areCounters = false

        /// - Returns: nil if it is not an event.
        init?(channel: Int, observation: SequenceTracker.Observation, id: UInt64, counts: Bool) {
            guard let event = CaptureEvent.Withdrawn(observation, id: id) else { return nil }
            (self.channel, self.event, self.observation, self.counts) = (channel, event, observation, counts)
        }

        /// - Returns: nil if it is not a deviation of ids.
        init?(_ event: RelayEvent) {
            switch event {
            case .gap(let channel, let ids, _, let counts):
                self.init(
                    channel: channel, observation: .gap(from: ids.lowerBound, to: ids.upperBound), id: ids.upperBound,
                    counts: counts)
            case .duplicate(let channel, let id, let counts):
                self.init(channel: channel, observation: .duplicate, id: id, counts: counts)
            case .counterReset(let channel, let from, let to, let counts):
                self.init(channel: channel, observation: .counterReset(from: from, to: to), id: to, counts: counts)
            default: return nil
            }
        }

        /// The event to report; there was no disruption.
        var relayEvent: RelayEvent? {
            switch observation {
            case .gap(let from, let to) where from <= to:
                .gap(channel: channel, ids: from...to, cause: .foreignPublish, isOfThisRun: counts)
            case .duplicate: .duplicate(channel: channel, id: event.to, isOfThisRun: counts)
            case .counterReset(let from, let to):
                .counterReset(channel: channel, from: from, to: to, isOfThisRun: counts)
            default: nil
            }
        }
    }

    /// Over all channels.
    static let limit = 64
    /// A gap may be a loss: report it soon.
    static let patienceWithGaps: UInt64 = 500_000_000
    static let patienceWithResets: UInt64 = 1_000_000_000
    /// After ids returned to an earlier position. A counter that was set back is fine again then: there is no hurry.
    static let patienceAfterReturn: UInt64 = 5_000_000_000
    /// For a deviation contradicted by the counters' keys: the other counter may be slow.
    static let patienceWithCounters: UInt64 = 60_000_000_000

    private var held: [Deviation] = []

    /// When the next one is due; nil if there is none.
    private(set) var deadline: UInt64?

    /// - Parameter now: monotonic, nanoseconds.
    /// - Returns: deviations to report now, because there are too many.
    mutating func hold(_ deviation: Deviation, at now: UInt64) -> Deviation? {
        var deviation = deviation
        deviation.until = now + Self.patienceWithResets
        if case .gap = deviation.observation { deviation.until = now + Self.patienceWithGaps }
        held.append(deviation)
        let displaced = held.count > Self.limit ? held.removeFirst() : nil
        setDeadline()
        return displaced
    }

    /// An id continued from an earlier position of this channel.
    mutating func returned(on channel: Int, at now: UInt64) {
        guard deadline != nil else { return }
        // Only once: ids that keep alternating without several counters must be reported.
        for index in held.indices where held[index].channel == channel && !held[index].isExtended {
            let patience = held[index].areCounters ? Self.patienceWithCounters : Self.patienceAfterReturn
            held[index].until = max(held[index].until, now + patience)
            held[index].isExtended = true
        }
        setDeadline()
    }

    /// The keys show counters at both ends of the jump.
    mutating func prolong(_ event: CaptureEvent.Withdrawn, channel: Int, at now: UInt64) {
        for index in held.indices where held[index].channel == channel && held[index].event == event {
            held[index].areCounters = true
            held[index].until = now + Self.patienceWithCounters
        }
        setDeadline()
    }

    /// These were not deviations.
    ///
    /// - Returns: those already reported.
    mutating func withdraw(_ retracted: [CaptureEvent.Withdrawn], channel: Int) -> [CaptureEvent.Withdrawn] {
        let reported = retracted.filter { event in
            guard let index = held.firstIndex(where: { $0.channel == channel && $0.event == event })
            else { return true }
            held.remove(at: index)
            return false
        }
        setDeadline()
        return reported
    }

    /// - Parameter now: as above; `.max` for all.
    /// - Returns: the deviations due by now, in order.
    mutating func due(at now: UInt64) -> [Deviation] {
        guard let deadline, deadline <= now else { return [] }
        let due = held.filter { $0.until <= now }
        held.removeAll { $0.until <= now }
        setDeadline()
        return due
    }

    private mutating func setDeadline() { deadline = held.map(\.until).min() }
}
