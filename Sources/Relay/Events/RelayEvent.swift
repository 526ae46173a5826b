package import Capture
package import Redis
package import Time

/// The events of a relay, in order. They carry no decisions: each consumer reacts in its own way.
package enum RelayEvent: Sendable {
    /// Envelopes, already observed and recorded. The batch belongs to the relay again when the call returns.
    case batch(EnvelopeBatch)
    /// The relay has subscribed, possibly to another server than before.
    indirect case subscribed(Subscription)
    case disconnected(DisconnectCause)
    /// Discovered hubs, also those that return: envelopes with these channel indexes may arrive from now on.
    case attached(Range<Int>)
    /// Envelopes of a discovered hub are received from now on.
    case joined(channel: Int)
    /// A discovered hub has no nodes: its envelopes are no longer received.
    case left(channel: Int)
    /// What was published to a hub did not arrive for some time; it is unknown whether there was anything.
    case missed(channel: Int, cause: GapCause)
    /// The server subscribed to is a replica, and something happened to its link to the master.
    indirect case replica(ReplicaNews)
    /// The relay reads the server's replication stream, and something happened to its link.
    indirect case tap(TapNews)
    /// Missing ids.
    ///
    ///   - isOfThisRun: false if they were missing before this run: they belong into the capture, not into its metrics.
    case gap(channel: Int, ids: ClosedRange<UInt64>, cause: GapCause, isOfThisRun: Bool)
    case duplicate(channel: Int, id: UInt64, isOfThisRun: Bool)
    case counterReset(channel: Int, from: UInt64, to: UInt64, isOfThisRun: Bool)
    /// It is unknown whether ids are missing.
    case mayBeMissing(channel: Int, RecordingDoubt)
    /// Refused because the intake was full; their ids follow as gaps, if known.
    case dropped(envelopes: Int, bytes: Int)
    /// A large payload was not kept.
    case skipped(SkippedPayload, id: UInt64?)
    /// The system clock was set; negative for back.
    case clockStep(nanoseconds: Int64)
    /// From another part of the relay: `interleaved`, `demoted`, `promoted`, `segment_deleted`.
    indirect case noted(CaptureEvent)
    /// With the free bytes on the disk.
    case recordingPaused(free: UInt64)
    case recordingResumed(free: UInt64)
    case writingFailed(CaptureError)
    ///   - lost: envelopes that could not be written, except those of a pause because of low disk space.
    case writingResumed(lost: Int)

    /// The event for a capture.
    ///
    /// - Parameter channels: their names, by index.
    /// - Returns: nil for envelopes, and for events that a capture cannot contain while writing fails.
    package func captured(_ channels: [String]) -> CaptureEvent? {
        switch self {
        case .batch, .attached, .writingFailed, .writingResumed: nil
        case .joined(let channel): .attached(channel: channels[channel])
        case .left(let channel): .detached(channel: channels[channel])
        case .missed(let channel, let cause): .gap(channel: channels[channel], cause: cause)
        case .replica(.linkLost(let master)): .replicaLinkLost(master: master)
        case .replica(.linkRestored): .replicaLinkRestored()
        case .replica(.resynced): .replicaResync()
        case .replica(.moved): nil
        case .tap(.resumed(let position)): .resumed(replid: position.history, offset: position.offset)
        case .tap(.reached(let position)): .replicated(replid: position.history, offset: position.offset)
        case .tap(.lost(let bytes)): .backlogLost(bytes: bytes.map { Int($0) })
        case .subscribed(let subscription): CaptureEvent(subscription)
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

/// What happened to a replica that the relay is subscribed to.
package enum ReplicaNews: Sendable, Equatable {
    ///   - master: `host:port`; nil if unknown.
    case linkLost(master: String?)
    /// It continued where it stopped: nothing is missing.
    case linkRestored
    /// It did a full sync from its master: what was published meanwhile did not arrive.
    case resynced
    /// It follows this master, in this history (`master_replid`); nil if unknown. Nothing is missing because of it.
    case moved(master: String?, history: String?)

    /// Whether ids may be missing because of it.
    var isDisruption: Bool {
        switch self {
        case .linkLost, .resynced: true
        case .linkRestored, .moved: false
        }
    }
}

extension CaptureEvent {
    fileprivate init(_ subscription: Subscription) {
        self = .subscribed(
            runID: subscription.server?.identity, redisVersion: subscription.server?.versionText,
            replid: subscription.streamPosition?.history, offset: subscription.streamPosition?.offset)
        redis = subscription.endpoint
        masterReplid = subscription.server?.history
        if case .replica(let master) = subscription.role { replicaOf = master ?? "unknown" }
    }
}

/// What happened to the link to a server's replication stream, which carries the channels instead of a subscription.
package enum TapNews: Sendable, Equatable {
    /// It continued where it ended: nothing is missing.
    case resumed(ReplicationPosition)
    /// Part of the stream was not received: what was published in it is missing on all channels.
    ///
    ///   - bytes: of the stream; nil if unknown.
    case lost(bytes: Int64?)
    /// Everything up to here has been received, or reported missing.
    case reached(ReplicationPosition)
}

/// Why the relay lost envelopes.
package enum DropReason: String, CaseIterable, Sendable {
    /// The intake was full.
    case bufferFull = "buffer_full"
    /// A single envelope larger than the intake.
    case tooLarge = "too_large"
    /// The capture could not be written.
    case writeError = "write_error"
    /// Recording was paused because of low disk space.
    case diskLow = "disk_low"

    init(_ payload: SkippedPayload) { self = payload.isTooLarge ? .tooLarge : .bufferFull }
}

/// Consumes the events of a relay besides metrics, recorder and log: a live forwarder, the live page.
package protocol RelayConsumer: Sendable {
    /// Called on the recorder's thread, after metrics and recorder. Must copy what it needs into a bounded queue and
    /// never block.
    func consume(_ event: RelayEvent, at now: Moment)
    /// Runs until the task is cancelled.
    ///
    /// - Throws: configuration errors; they end the relay.
    func run() async throws
    /// No more events follow: finish pending work within a limited time. ``run()`` has ended.
    func finish() async
}
