package import Backplane

/// Determines from events and ids whether the recording is complete.
package struct RecordingAccount: Sendable {
    private var ends = RecordingEnds()
    private var verdict = RecordingVerdict()
    /// Why it is unknown whether ids follow the last segment; nil if its close says so.
    private var openEnd: RecordingDoubt.Reason?

    /// Several counters assigned ids in turn, so missing ids are unknown.
    private var isInterleaved = false
    /// There are envelopes without ids, so completeness is unknown.
    package private(set) var hasWireWithoutIDs = false

    package init() {}

    /// The last of several consecutive envelopes of a channel.
    package mutating func recorded(_ channel: String, _ payload: UnsafeRawBufferPointer) {
        ends.recorded(channel, id: try? EnvelopeID.parse(payload).id)
    }

    @inline(__always)
    package mutating func noteWireWithoutIDs() {
        if !hasWireWithoutIDs { hasWireWithoutIDs = true }
    }

    package mutating func note(_ event: CaptureEvent) {
        ends.note(event)
        switch event.event {
        case "gap": verdict.missing(cause: event.cause ?? GapCause.unknown.rawValue)
        case "dropped": verdict.missing(cause: event.reason ?? GapCause.dropped.rawValue)
        case "interleaved": isInterleaved = true
        default: break
        }
    }

    package mutating func segmentEnded(_ ending: SegmentEnding?, otherwise reason: RecordingDoubt.Reason) {
        openEnd = ending == nil ? reason : nil
        ends.segmentEnded(ending, otherwise: reason)
    }

    /// Last id that is recorded or reported missing, by channel.
    package var lastIDs: OrdinalNameMap<UInt64> { ends.lastIDs }

    /// By channel.
    package var doubts: OrdinalNameMap<RecordingDoubt> { ends.all }

    /// - Parameter isDamaged: whether something is unreadable, or was recorded and lost.
    package func verdict(isDamaged: Bool) -> RecordingVerdict {
        var verdict = verdict
        verdict.isDamaged = isDamaged
        verdict.isInDoubt = openEnd != nil || !doubts.isEmpty || isInterleaved || hasWireWithoutIDs
        return verdict
    }
}

extension RecordingAccount {
    mutating func segmentEnded(_ segment: CaptureReadReport.Segment) {
        let reason: RecordingDoubt.Reason =
            switch segment.state {
            case .closed: .notCompared
            case .recording: .recording
            case .unclosed, .cut: .unclosed
            }
        segmentEnded(segment.ending, otherwise: reason)
    }
}
