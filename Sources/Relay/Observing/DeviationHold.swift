import Backplane
import Capture

/// Jumps of ids, and ids that came twice, which one counter explains as well as two that publish in turn: held back until
/// the next ids show which it is.
///
/// One counter goes on from where it jumped to. Of two in turn the other goes on as well, and then there was no jump. Only
/// the telling waits: the envelopes are recorded, and so is the event, in its place among them. A value without I/O.
struct DeviationHold {
    struct Deviation: Equatable {
        let channel: Int
        let event: CaptureEvent.Withdrawn
        let told: SequenceTracker.Observation
        /// False if it is of an earlier run, and nothing for the metrics of this one.
        let counts: Bool
        /// On the monotonic clock, nanoseconds: then it is told.
        fileprivate(set) var until: UInt64 = 0
        fileprivate var isExtended = false
        fileprivate var areCounters = false

        /// - Returns: nil for what is no event.
        init?(channel: Int, told: SequenceTracker.Observation, id: UInt64, counts: Bool) {
            guard let event = CaptureEvent.Withdrawn(told, id: id) else { return nil }
            (self.channel, self.event, self.told, self.counts) = (channel, event, told, counts)
        }

        /// - Returns: nil for what is no deviation of ids.
        init?(_ event: RelayEvent) {
            switch event {
            case .gap(let channel, let ids, _, let counts):
                self.init(
                    channel: channel, told: .gap(from: ids.lowerBound, to: ids.upperBound), id: ids.upperBound,
                    counts: counts)
            case .duplicate(let channel, let id, let counts):
                self.init(channel: channel, told: .duplicate, id: id, counts: counts)
            case .counterReset(let channel, let from, let to, let counts):
                self.init(channel: channel, told: .counterReset(from: from, to: to), id: to, counts: counts)
            default: return nil
            }
        }

        /// As it is told; nothing befell the recording.
        var relayEvent: RelayEvent? {
            switch told {
            case .gap(let from, let to) where from <= to:
                .gap(channel: channel, ids: from...to, cause: .foreignPublish, isOfThisRun: counts)
            case .duplicate: .duplicate(channel: channel, id: event.to, isOfThisRun: counts)
            case .counterReset(let from, let to):
                .counterReset(channel: channel, from: from, to: to, isOfThisRun: counts)
            default: nil
            }
        }
    }

    /// Of all channels.
    static let limit = 64
    /// A gap may be a loss: who looks is to know soon.
    static let patienceWithGaps: UInt64 = 500_000_000
    static let patienceWithResets: UInt64 = 1_000_000_000
    /// Once ids have come back to where they were. A counter that was set back is well again then: there is no hurry.
    static let patienceAfterReturn: UInt64 = 5_000_000_000
    /// With one that the counters themselves, each in its database, deny: the other may be slow.
    static let patienceWithCounters: UInt64 = 60_000_000_000

    private var held: [Deviation] = []

    /// When the next one is due; nil without any.
    private(set) var deadline: UInt64?

    /// - Parameter now: monotonic, nanoseconds.
    /// - Returns: what is to be told now, since there are too many.
    mutating func hold(_ deviation: Deviation, at now: UInt64) -> Deviation? {
        var deviation = deviation
        deviation.until = now + Self.patienceWithResets
        if case .gap = deviation.told { deviation.until = now + Self.patienceWithGaps }
        held.append(deviation)
        let displaced = held.count > Self.limit ? held.removeFirst() : nil
        setDeadline()
        return displaced
    }

    /// An id went on from where ids of this channel had been before.
    mutating func returned(on channel: Int, at now: UInt64) {
        guard deadline != nil else { return }
        // Once: what goes to and fro for long without being two counters must be told.
        for index in held.indices where held[index].channel == channel && !held[index].isExtended {
            let patience = held[index].areCounters ? Self.patienceWithCounters : Self.patienceAfterReturn
            held[index].until = max(held[index].until, now + patience)
            held[index].isExtended = true
        }
        setDeadline()
    }

    /// The keys say that counters stand at both ends of the jump.
    mutating func prolong(_ event: CaptureEvent.Withdrawn, channel: Int, at now: UInt64) {
        for index in held.indices where held[index].channel == channel && held[index].event == event {
            held[index].areCounters = true
            held[index].until = now + Self.patienceWithCounters
        }
        setDeadline()
    }

    /// These were no deviations.
    ///
    /// - Returns: those of them that are told already.
    mutating func withdraw(_ retracted: [CaptureEvent.Withdrawn], channel: Int) -> [CaptureEvent.Withdrawn] {
        let told = retracted.filter { told in
            guard let index = held.firstIndex(where: { $0.channel == channel && $0.event == told })
            else { return true }
            held.remove(at: index)
            return false
        }
        setDeadline()
        return told
    }

    /// - Parameter now: as above; `.max` for all.
    /// - Returns: what is to be told by now, in its order.
    mutating func due(at now: UInt64) -> [Deviation] {
        guard let deadline, deadline <= now else { return [] }
        let due = held.filter { $0.until <= now }
        held.removeAll { $0.until <= now }
        setDeadline()
        return due
    }

    private mutating func setDeadline() { deadline = held.map(\.until).min() }
}
