package import Backplane

/// Tracks, for each channel of a recording, the id up to which everything is accounted for, and whether ids after it
/// may be missing.
///
/// A value without I/O, fed in recording order by the writer and by readers of a capture.
package struct RecordingEnds: Sendable {
    /// Last id that is recorded or reported missing, by channel.
    package private(set) var lastIDs: OrdinalNameMap<UInt64>
    /// By channel; an id in order resolves the doubt.
    package private(set) var doubts: OrdinalNameMap<RecordingDoubt> = [:]
    /// Doubts that no later id can resolve, because the counter was set back in between.
    package private(set) var lasting: OrdinalNameMap<RecordingDoubt> = [:]
    /// Channels that are in doubt since the last lost connection.
    private var doubtedNow: [String] = []
    /// The channels of the segment being read, and the last ids before it; nil if they are those of all segments.
    private var segment: (channels: Set<OrdinalName>, before: OrdinalNameMap<UInt64>)?

    /// - Parameters: as left by an earlier recording; empty if there is none.
    package init(lastIDs: OrdinalNameMap<UInt64> = [:], doubts: OrdinalNameMap<RecordingDoubt> = [:]) {
        self.lastIDs = lastIDs
        self.doubts = doubts
    }

    /// A segment begins. What happens in it concerns its channels only: the run before may have recorded others.
    ///
    /// - Parameter channels: as its start says; nil if it does not say.
    package mutating func segmentBegan(of channels: [String]?) {
        segment = channels.map { (Set($0.map { OrdinalName($0) }), lastIDs) }
    }

    private func isRecordedNow(_ channel: String, _ id: UInt64) -> Bool {
        guard let segment else { return true }
        return segment.channels.contains(OrdinalName(channel)) || segment.before[channel] != id
    }

    /// An envelope was recorded; of consecutive ones, the last.
    package mutating func recorded(_ channel: String, id: UInt64?) {
        // A lower id is late, or from a counter that an event reported as set back.
        guard let id, id > lastIDs[channel] ?? 0 else { return }
        lastIDs[channel] = id
        doubts[channel] = nil
    }

    /// Events in recording order; those that say nothing about ids are ignored.
    package mutating func note(_ event: CaptureEvent) {
        switch event.event {
        case "disconnected": disconnected(event.cause)
        case CaptureEvent.resumedName:
            // It continued where it ended.
            for channel in doubtedNow where doubts[channel]?.reason == .connectionLost { doubts[channel] = nil }
            doubtedNow = []
        case "recording_paused": doubtAll(.diskLow, cause: "disk_low")
        case "recording_resumed":
            // The loss in between was reported.
            for (channel, doubt) in doubts where doubt.reason == .diskLow { doubts[channel] = nil }
        case "gap", "dropped", "lost", SegmentLoss.Cause.moved.rawValue: missing(event)
        case "counter_reset": reset(event)
        case "interleaved":
            // It was another counter's turn.
            if let channel = event.channel, lasting[channel]?.reason == .counterReset { lasting[channel] = nil }
        case CaptureEvent.mayBeMissingName:
            guard let channel = event.channel else { return }
            doubts[channel] = RecordingDoubt(
                after: event.after, reason: event.reason.flatMap(RecordingDoubt.Reason.init) ?? .notCompared,
                cause: event.cause)
        default: break
        }
    }

    private mutating func disconnected(_ cause: String?) {
        guard cause != "stopped" else { return }
        let cause = cause == GapCause.failover.rawValue ? GapCause.failover : .connectionLost
        let before = doubts
        doubtAll(.connectionLost, cause: cause.rawValue)
        doubtedNow = doubts.keys.filter { before[$0] == nil }
    }

    private mutating func doubtAll(_ reason: RecordingDoubt.Reason, cause: String?) {
        for (channel, id) in lastIDs where doubts[channel] == nil && isRecordedNow(channel, id) {
            doubts[channel] = RecordingDoubt(after: id, reason: reason, cause: cause)
        }
    }

    private mutating func missing(_ event: CaptureEvent) {
        guard let channel = event.channel, let from = event.from, let to = event.to, from <= to else { return }
        // Ids of a new counter, if it was set back: an event preceded.
        if event.event == "gap" || event.event == "dropped" { doubts[channel] = nil }
        if to > lastIDs[channel] ?? 0 { lastIDs[channel] = to }
    }

    private mutating func reset(_ event: CaptureEvent) {
        guard let channel = event.channel, let to = event.to else { return }
        // Ids assigned before the reset, and before the first id received after it, are unknown.
        if to > 1 || doubts[channel] != nil {
            lasting[channel] =
                lasting[channel]
                ?? RecordingDoubt(after: event.from, reason: .counterReset, cause: doubts[channel]?.cause)
        }
        lastIDs[channel] = to
        doubts[channel] = nil
    }

    /// A segment ends.
    ///
    /// - Parameters:
    ///   - ending: nil if the segment does not record it.
    ///   - reason: used in that case.
    package mutating func segmentEnded(_ ending: SegmentEnding?, otherwise reason: RecordingDoubt.Reason) {
        switch ending {
        case .goesOn: break
        case .stopped(let checkedIDs):
            for (channel, id) in checkedIDs {
                doubts[channel] = nil
                if id > lastIDs[channel] ?? 0 { lastIDs[channel] = id }
            }
            for (channel, id) in lastIDs
            where checkedIDs[channel] == nil && doubts[channel] == nil && isRecordedNow(channel, id) {
                doubts[channel] = RecordingDoubt(after: id, reason: .notCompared)
            }
        case nil:
            // The cause of an ongoing outage is known.
            doubtAll(reason, cause: nil)
        }
    }

    /// By channel; lasting doubts take precedence.
    package var all: OrdinalNameMap<RecordingDoubt> { doubts.filled(from: lasting) }
}

/// How a segment was closed.
package enum SegmentEnding: Sendable, Equatable {
    /// The recording continues in the next segment.
    case goesOn
    /// The recording ended. By channel: the last id assigned by then; all ids up to it are recorded or reported
    /// missing. Channels whose counter could not be read are absent.
    case stopped(checkedIDs: OrdinalNameMap<UInt64>)
}

/// It is unknown whether ids after the last one of a channel are missing.
package struct RecordingDoubt: Sendable, Equatable, Codable {
    /// Why it is unknown.
    package enum Reason: String, Sendable, Codable {
        /// The ACL does not permit `GET` on the event key.
        case counterNotPermitted = "counter_not_permitted"
        /// There is no such key: nothing was published yet, or the nodes use another database.
        case counterMissing = "counter_missing"
        case counterNotANumber = "counter_not_a_number"
        /// Redis did not answer in time.
        case redisAway = "redis_away"
        /// The counter is below received ids: it was set back, or belongs to another database.
        case counterInconsistent = "counter_inconsistent"
        /// The counter was set back; its previous value is unknown.
        case counterReset = "counter_reset"
        /// The connection was lost, and nothing has arrived since.
        case connectionLost = "connection_lost"
        /// Recording paused because disk space was low, and nothing has arrived since.
        case diskLow = "disk_low"
        /// A relay is writing the segment.
        case recording = "being_recorded"
        /// The segment was never closed: its relay was killed, or could no longer write.
        case unclosed = "not_closed"
        /// Written by another program, or by a version that did not compare with the counter.
        case notCompared = "not_compared_with_the_counter"

        /// For people.
        package var text: String {
            switch self {
            case .counterNotPermitted: "Redis does not permit GET of the event key"
            case .counterMissing: "the counter key does not exist; is the database right?"
            case .counterNotANumber: "the counter key does not hold a number"
            case .redisAway: "Redis did not answer"
            case .counterInconsistent: "the counter is below ids that were received; is the database right?"
            case .counterReset: "the counter was set back"
            case .connectionLost: "the connection to Redis was lost, and nothing has arrived since"
            case .diskLow: "recording paused because disk space was low, and nothing has arrived since"
            case .recording: "a relay is recording"
            case .unclosed: "the last segment was not closed"
            case .notCompared: "the recording was not compared with the counter at its end"
            }
        }
    }

    /// The last id that is accounted for: recorded, or reported missing; nil if there is none.
    package var after: UInt64?
    /// Why it is unknown.
    package var reason: Reason
    /// Why ids would be missing, as in a `gap` event; nil if the recording was not disturbed.
    package var cause: String?

    /// - Parameter after: the last id that is accounted for; nil if there is none.
    package init(after: UInt64?, reason: Reason, cause: String? = nil) {
        self.after = after
        self.reason = reason
        self.cause = cause
    }

    /// As a sentence for `info`.
    package var text: String {
        let place = after.map { "ids may be missing after \($0)" } ?? "ids may be missing"
        return "\(place): \(reason.text)"
    }
}
