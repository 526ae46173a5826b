import Backplane
import Capture

/// Losses and events while nothing can be recorded, to be recorded afterwards.
struct RecordingOutage {
    /// Maximum number of kept events.
    static let heldEventsLimit = 1_000
    static let firstRetry: UInt64 = 500_000_000
    static let lastRetry: UInt64 = 10_000_000_000

    /// On the monotonic clock.
    private(set) var retryAt: UInt64
    private var wait = Self.firstRetry
    /// True while recording is paused because of low disk space; no attempts are made then.
    var isDiskLow = false
    /// True once a write failure was reported; an outage because of low disk space has none.
    var isFailureReported = false
    private(set) var heldEvents: [CaptureEvent] = []
    /// By channel index.
    private var lostToErrors: [ChannelTally]
    private var lostToPause: [ChannelTally]

    init(channels: Int, at now: UInt64) {
        retryAt = now + Self.firstRetry
        lostToErrors = Array(repeating: ChannelTally(), count: channels)
        lostToPause = lostToErrors
    }

    /// More channels were attached.
    mutating func attach(_ channels: Int) {
        lostToErrors += Array(repeating: ChannelTally(), count: channels)
        lostToPause += Array(repeating: ChannelTally(), count: channels)
    }

    var reason: DropReason { isDiskLow ? .diskLow : .writeError }

    /// Over all channels.
    var lostEnvelopes: Int { envelopesLostToErrors + lostToPause.reduce(0) { $0 + $1.envelopes } }
    var envelopesLostToErrors: Int { lostToErrors.reduce(0) { $0 + $1.envelopes } }

    mutating func lose(channel: Int, id: UInt64?, bytes: Int) {
        if isDiskLow {
            lostToPause[channel].add(id: id, bytes: bytes)
        } else {
            lostToErrors[channel].add(id: id, bytes: bytes)
        }
    }

    /// - Parameter chunk: by channel index.
    mutating func lose(_ chunk: [ChannelTally]) {
        for (channel, tally) in chunk.enumerated() where tally.envelopes > 0 { lostToErrors[channel].add(tally) }
    }

    mutating func sequenceBroke(channel: Int) {
        lostToErrors[channel].breakRun()
        lostToPause[channel].breakRun()
    }

    /// Later losses have a different reason.
    mutating func setDiskLow(_ isLow: Bool) {
        isDiskLow = isLow
        for channel in lostToErrors.indices { sequenceBroke(channel: channel) }
    }

    mutating func hold(_ event: CaptureEvent) {
        if heldEvents.count < Self.heldEventsLimit { return heldEvents.append(event) }
        // Missing ids must not be forgotten: the last gap is extended over the ids in between.
        guard event.event == "gap", event.from != nil,
            let index = heldEvents.lastIndex(where: {
                $0.event == "gap" && $0.channel.map { OrdinalName($0) } == event.channel.map { OrdinalName($0) }
            })
        else { return }
        heldEvents[index].from = min(heldEvents[index].from ?? .max, event.from ?? .max)
        heldEvents[index].to = max(heldEvents[index].to ?? 0, event.to ?? 0)
    }

    mutating func failedAgain(at now: UInt64) {
        wait = min(wait * 2, Self.lastRetry)
        retryAt = now + wait
    }

    /// The events for the capture.
    func events(channels: [String]) -> [CaptureEvent] {
        var events: [CaptureEvent] = []
        for (reason, lost) in [
            (DropReason.writeError, lostToErrors), (DropReason.diskLow, lostToPause),
        ] {
            for (channel, tally) in zip(channels, lost) where tally.envelopes > 0 {
                events += CaptureEvent.dropped(channel: channel, tally, reason: reason.rawValue)
            }
        }
        return events + heldEvents
    }
}
