package import Capture
package import Logging
package import Prometheus
package import Redis
package import Time

/// What a relay tells, in the order in which it happened. It carries no decision: who hears it does what is his.
package enum RelayEvent: Sendable {
    /// Envelopes, observed and recorded by now. The batch belongs to the relay again when the call returns.
    case batch(EnvelopeBatch)
    /// The relay has subscribed, perhaps to another server than before.
    indirect case subscribed(Subscription)
    case disconnected(DisconnectCause)
    /// Hubs that were found: envelopes with these channel indexes may come from now on.
    case attached(Range<Int>)
    /// The envelopes of a hub that was found are heard from now on.
    case joined(channel: Int)
    /// Ids that did not come.
    ///
    /// - isOfThisRun: false for those that were missing before this run: they belong into the capture, not into its metrics.
    case gap(channel: Int, ids: ClosedRange<UInt64>, cause: GapCause, isOfThisRun: Bool)
    case duplicate(channel: Int, id: UInt64, isOfThisRun: Bool)
    case counterReset(channel: Int, from: UInt64, to: UInt64, isOfThisRun: Bool)
    /// Nobody can tell whether ids are missing.
    case mayBeMissing(channel: Int, RecordingDoubt)
    /// Refused since the intake was full; those ids of them that are known follow as gaps.
    case dropped(envelopes: Int, bytes: Int)
    /// A large payload passed by and was not held.
    case skipped(SkippedPayload, id: UInt64?)
    /// The clock of the day was set; negative for back.
    case clockStep(nanoseconds: Int64)
    /// What another part of the relay found out: `interleaved`, `demoted`, `promoted`, `segment_deleted`.
    indirect case noted(CaptureEvent)
    /// With the bytes that are left on the disk.
    case recordingPaused(free: UInt64)
    case recordingResumed(free: UInt64)
    case writingFailed(CaptureError)
    /// - lost: envelopes that could not be written; those of a pause for want of space are not among them.
    case writingResumed(lost: Int)

    /// As it stands in a capture.
    ///
    /// - Parameter channels: their names, by index.
    /// - Returns: nil for envelopes, and for what a capture cannot be told while it cannot be written.
    package func captured(_ channels: [String]) -> CaptureEvent? {
        switch self {
        case .batch, .attached, .writingFailed, .writingResumed: nil
        case .joined(let channel): .attached(channel: channels[channel])
        case .subscribed(let subscription):
            .subscribed(runID: subscription.server?.runID, redisVersion: subscription.server?.versionText)
        case .disconnected(let cause): .disconnected(cause: cause.label)
        case .gap(let channel, let ids, let cause, _):
            .gap(channel: channels[channel], from: ids.lowerBound, to: ids.upperBound, cause: cause)
        case .duplicate(let channel, let id, _): .duplicate(channel: channels[channel], id: id)
        case .counterReset(let channel, let from, let to, _):
            .counterReset(channel: channels[channel], from: from, to: to)
        case .mayBeMissing(let channel, let doubt): .mayBeMissing(channel: channels[channel], doubt)
        case .dropped(let envelopes, let bytes):
            .dropped(channel: nil, envelopes: envelopes, bytes: bytes, reason: DropReason.bufferFull.rawValue)
        case .skipped(let payload, let id):
            .dropped(
                channel: channels[payload.channel], envelopes: 1, bytes: payload.bytes,
                reason: DropReason(payload).rawValue, ids: id.map { $0...$0 })
        case .clockStep(let nanoseconds): .clockStep(nanoseconds: nanoseconds)
        case .noted(let event): event
        case .recordingPaused(let free): .recordingPaused(free: free)
        case .recordingResumed(let free): .recordingResumed(free: free)
        }
    }
}

/// Why envelopes were lost on our side.
package enum DropReason: String, CaseIterable, Sendable {
    /// The intake was full.
    case bufferFull = "buffer_full"
    /// A single envelope larger than the intake.
    case tooLarge = "too_large"
    /// The capture could not be written.
    case writeError = "write_error"
    /// Recording paused for want of space.
    case diskLow = "disk_low"

    init(_ payload: SkippedPayload) { self = payload.isTooLarge ? .tooLarge : .bufferFull }
}

/// Hears the events of a relay beside metrics, recorder and log: a live forwarder, the live page.
package protocol RelayConsumer: Sendable {
    /// Called on the recorder's thread, behind metrics and recorder. It copies what it wants into a bounded queue of its own
    /// and never waits.
    func consume(_ event: RelayEvent, at now: Moment)
    /// Works until the task is cancelled.
    ///
    /// - Throws: what only a changed configuration heals; it ends the relay.
    func run() async throws
    /// Nothing more is told: finishes what waits, in a bounded time. ``run()`` has ended.
    func finish() async
}

/// What the parts of one relay have in common.
package struct RelayContext: Sendable {
    package let attached: AttachedChannels
    /// Where each part registers its metrics.
    package let registry: Registry
    package let status: RelayStatus
    package let logger: Logger

    /// Names of the channels that are attached by now, by channel index of a batch.
    package var channels: [String] { attached.names }

    package init(attached: AttachedChannels, registry: Registry, status: RelayStatus, logger: Logger) {
        self.attached = attached
        self.registry = registry
        self.status = status
        self.logger = logger
    }
}
