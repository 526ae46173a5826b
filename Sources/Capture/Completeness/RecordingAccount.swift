package import Backplane
import MCAP

/// Determines from events and ids whether the recording is complete.
package struct RecordingAccount: Sendable {
    /// Maximum number of gaps remembered, because several counters may explain them later.
    private static let toldLimit = 256

    private struct Gap {
        let channel: String
        let told: CaptureEvent.Withdrawn
        let isLoss: Bool
    }

    private var ends = RecordingEnds()
    /// Number of events about missing ids, and of those whose cause is a loss.
    private var holes = 0
    private var lossEvents = 0
    /// The last of them that may be withdrawn.
    private var gaps: [Gap] = []
    /// Why it is unknown whether ids follow the last segment; nil if its close says so.
    private var openEnd: RecordingDoubt.Reason?

    /// Several counters assigned ids in turn, so missing ids are unknown.
    private var isInterleaved = false
    /// For envelopes without ids, only the offset of a replication stream shows whether they are complete.
    package private(set) var replication = ReplicationProof()
    /// Upper bound of the envelopes of all channels that interruptions lost, by markers; nil if no such interruption was
    /// recorded.
    package private(set) var missingAtMost: Int?

    /// Nothing read yet: complete.
    package init() {}

    /// The last of several consecutive envelopes of a channel.
    package mutating func recorded(_ channel: String, _ payload: UnsafeRawBufferPointer) {
        ends.recorded(channel, id: try? EnvelopeID.parse(payload).id)
    }

    /// Called for each envelope of ASP.NET Core: without a replication stream completeness is unknown from then on.
    @inline(__always)
    package mutating func noteWireWithoutIDs() { replication.noteWireWithoutIDs() }

    /// There are envelopes without ids.
    package var hasWireWithoutIDs: Bool { replication.hasWireWithoutIDs }

    /// Events of one recording, in their order.
    package mutating func note(_ event: CaptureEvent) {
        ends.note(event)
        replication.note(event)
        if event.event == CaptureEvent.unseenName, let count = event.envelopes {
            let (sum, overflow) = (missingAtMost ?? 0).addingReportingOverflow(max(0, count))
            missingAtMost = overflow ? .max : sum
        }
        switch event.event {
        // As with a lost connection: nothing shows whether a hub's nodes published meanwhile.
        case "gap" where event.from == nil: if event.channel != nil { noteWireWithoutIDs() }
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

    /// The ids came from another counter, so nothing is missing.
    private mutating func withdraw(_ wrong: CaptureEvent.Withdrawn, channel: String) {
        let name = OrdinalName(channel)
        guard let index = gaps.lastIndex(where: { $0.told == wrong && OrdinalName($0.channel) == name }) else { return }
        holes -= 1
        if gaps.remove(at: index).isLoss { lossEvents -= 1 }
    }

    /// As ``RecordingEnds/segmentBegan(of:)``.
    package mutating func segmentBegan(of channels: [String]?) { ends.segmentBegan(of: channels) }

    /// A segment was read to its end.
    ///
    /// - Parameters:
    ///   - ending: as its metadata says; nil if it does not say.
    ///   - reason: why it is then unknown whether ids follow.
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
        var verdict = RecordingVerdict()
        verdict.hasHoles = holes > 0 || replication.hasLoss
        verdict.hasLoss = lossEvents > 0 || replication.hasLoss
        verdict.isDamaged = isDamaged
        verdict.isInDoubt = openEnd != nil || !doubts.isEmpty || isInterleaved || replication.isInDoubt
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

/// The last payload of each channel of a chunk since an event: their ids resolve doubts, and most need not be decoded.
struct LatestPayloads {
    private var last: (channelID: UInt16, payload: UnsafeRawBufferPointer)?
    private var others: [UInt16: UnsafeRawBufferPointer] = [:]

    mutating func note(_ payload: UnsafeRawBufferPointer, channelID: UInt16) {
        if let last, last.channelID != channelID { others[last.channelID] = last.payload }
        last = (channelID, payload)
    }

    /// While the chunk is in memory.
    mutating func tell(_ account: inout RecordingAccount, _ channels: [UInt16: Channel]) {
        if let last { others[last.channelID] = last.payload }
        for (id, payload) in others { if let channel = channels[id] { account.recorded(channel.topic, payload) } }
        last = nil
        others.removeAll(keepingCapacity: true)
    }
}
