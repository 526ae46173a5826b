package import Backplane

/// What a reading learns, from events and ids, of whether the recording is whole.
package struct RecordingAccount: Sendable {
    /// Gaps remembered for that several counters explain them later.
    private static let toldLimit = 256

    private struct Gap {
        let channel: String
        let told: CaptureEvent.Withdrawn
        let isLoss: Bool
    }

    private var ends = RecordingEnds()
    /// Events that say that something is missing; and those of them whose cause is a loss.
    private var holes = 0
    private var lossEvents = 0
    /// The last of them that may be withdrawn.
    private var gaps: [Gap] = []
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

    package mutating func note(_ event: CaptureEvent) {
        ends.note(event)
        switch event.event {
        case "gap": missing(event, cause: event.cause ?? GapCause.unknown.rawValue)
        case "dropped": missing(event, cause: event.reason ?? GapCause.dropped.rawValue)
        case "interleaved":
            isInterleaved = true
            for wrong in event.withdraws ?? [] { withdraw(wrong, channel: event.channel ?? "") }
        default: break
        }
    }

    private mutating func missing(_ event: CaptureEvent, cause: String) {
        let isLoss = RecordingVerdict.isLoss(cause: cause)
        holes += 1
        if isLoss { lossEvents += 1 }
        guard let told = CaptureEvent.Withdrawn(event), let channel = event.channel else { return }
        if gaps.count == Self.toldLimit { gaps.removeFirst() }
        gaps.append(Gap(channel: channel, told: told, isLoss: isLoss))
    }

    /// It was the turn of another counter: nothing is missing.
    private mutating func withdraw(_ wrong: CaptureEvent.Withdrawn, channel: String) {
        let name = OrdinalName(channel)
        guard let index = gaps.lastIndex(where: { $0.told == wrong && OrdinalName($0.channel) == name }) else { return }
        holes -= 1
        if gaps.remove(at: index).isLoss { lossEvents -= 1 }
    }

    /// As ``RecordingEnds/segmentBegan(of:)``.
    package mutating func segmentBegan(of channels: [String]?) { ends.segmentBegan(of: channels) }

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
        var verdict = RecordingVerdict()
        verdict.hasHoles = holes > 0
        verdict.hasLoss = lossEvents > 0
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
