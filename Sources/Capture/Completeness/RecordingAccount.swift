package import Backplane

/// What a reading learns, from events and ids, of whether the recording is whole.
package struct RecordingAccount: Sendable {
    private var ends = RecordingEnds()
    private var verdict = RecordingVerdict()
    /// Why nobody can tell what came behind the last segment; nil if its close says it.
    private var openEnd: RecordingDoubt.Reason?

    /// Several counters gave ids in turn: which are missing nobody can tell.
    private var isInterleaved = false
    /// There are envelopes of a wire without ids: nobody can tell whether all are there.
    package private(set) var hasWireWithoutIDs = false

    package init() {}

    /// The last of several envelopes of a channel in a row.
    package mutating func recorded(_ channel: String, _ payload: UnsafeRawBufferPointer) {
        ends.recorded(channel, id: try? EnvelopeID.parse(payload).id)
    }

    @inline(__always)
    package mutating func noteWireWithoutIDs() {
        if !hasWireWithoutIDs { hasWireWithoutIDs = true }
    }

    /// Events of one recording, in their order.
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

    /// Last id that is recorded or told as missing, by channel.
    package var lastIDs: OrdinalNameMap<UInt64> { ends.lastIDs }

    /// By channel.
    package var doubts: OrdinalNameMap<RecordingDoubt> { ends.all }

    /// - Parameter isDamaged: whether something cannot be read, or was recorded and is gone.
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
