import Backplane
import Capture
import Logging
import Prometheus
import Redis
import Time

/// Records through a ``CaptureWriter``; when writing fails, retries with a new segment immediately and then
/// periodically, counting losses in between.
///
/// Never throws: the relay continues to read and count. Losses are recorded as events once writing works again.
struct Recorder: ~Copyable {
    private var writer: CaptureWriter
    private var channels: [String]
    private let metrics: RecordingMetrics
    private let status: RelayStatus
    private let attached: AttachedChannels
    private let logger: Logger
    /// nil if payloads are recorded unchanged.
    let filter: PayloadFilter?
    private var outage: RecordingOutage?
    /// News about the recording for other consumers: see ``takeNews()``.
    private var news: [RelayEvent] = []

    init(
        writer: consuming CaptureWriter, metrics: RecordingMetrics, context: RelayContext, filter: PayloadFilter? = nil
    ) {
        self.writer = writer
        self.metrics = metrics
        self.filter = filter
        channels = context.channels
        status = context.status
        attached = context.attached
        logger = context.logger
    }

    /// Envelopes of more channels may arrive. A segment lists its channels at its start, so the next one is started.
    mutating func attach(_ more: [BackplaneChannel], at now: Moment) {
        attempt(now) { writer throws(CaptureError) in try writer.close(now, .goesOn) }
        writer.attach(more)
        outage?.attach(more.count)
        channels += more.map(\.name)
        attempt(now) { writer throws(CaptureError) in try writer.reopen(now) }
    }

    /// How full the intake is, 0 to 1.
    mutating func setBacklog(_ backlog: Double) { writer.backlog = backlog }

    /// One envelope, byte for byte.
    @inline(__always)
    mutating func append(
        channel: Int, seen: ChannelObserver.Seen, receivedAt: UInt64, payload: UnsafeRawBufferPointer, at now: Moment
    ) {
        if outage != nil {
            lose(channel: channel, id: seen.id, bytes: payload.count)
            return
        }
        if writer.wantsFlush(beforePayloadOf: payload.count) { flush(now) }
        if outage != nil {
            lose(channel: channel, id: seen.id, bytes: payload.count)
            return
        }
        writer.append(
            channel: channel, id: seen.id, publishTime: seen.publishTime, receivedAt: receivedAt, payload: payload,
            at: now)
    }

    /// An event, in its place among the envelopes.
    mutating func consume(_ event: RelayEvent, at now: Moment) {
        switch event {
        case .batch, .attached, .recordingPaused, .recordingResumed, .writingFailed, .writingResumed: return
        case .subscribed(let subscription):
            let server = subscription.server
            return connected(
                runID: server?.identity, redisVersion: server?.versionText, masterReplid: server?.history,
                event.captured(channels), at: now)
        // For event keys the ids show what is missing.
        case .tap(.lost): if !attached.watchedHubs.isEmpty { metrics.account.lostPart() }
        case .gap(let channel, let ids, let cause, let isOfThisRun):
            sequenceBroke(channel: channel)
            if isOfThisRun { metrics.account.missed(ids: ids.upperBound - ids.lowerBound + 1, cause: cause) }
        case .duplicate(let channel, _, _), .counterReset(let channel, _, _, _): sequenceBroke(channel: channel)
        // Envelopes before and after it are two runs of ids.
        case .skipped(let payload, _): sequenceBroke(channel: payload.channel)
        case .disconnected, .joined, .left, .missed, .replica, .tap, .mayBeMissing, .dropped, .clockStep, .noted: break
        }
        if let event = event.captured(channels) { append(event, at: now) }
    }

    /// News about the recording since the last call, in order.
    mutating func takeNews() -> [RelayEvent] {
        guard !news.isEmpty else { return [] }
        defer { news = [] }
        return news
    }

    mutating func append(_ event: CaptureEvent, at now: Moment) {
        if outage == nil {
            writer.append(event, at: now)
        } else {
            outage?.hold(event)
        }
    }

    /// The next id of this channel is not contiguous.
    mutating func sequenceBroke(channel: Int) {
        if outage == nil {
            writer.sequenceBroke(channel: channel)
        } else {
            outage?.sequenceBroke(channel: channel)
        }
    }

    /// - Parameter event: nil for one with the given facts alone.
    mutating func connected(
        runID: String?, redisVersion: String?, masterReplid: String? = nil, _ event: CaptureEvent? = nil,
        at now: Moment
    ) {
        attempt(now) { writer throws(CaptureError) in
            try writer.connected(
                runID: runID, redisVersion: redisVersion, masterReplid: masterReplid, at: now)
        }
        // During an outage no segment is open: this sets the server of the next one.
        if outage != nil { writer.setServer(runID: runID, redisVersion: redisVersion, masterReplid: masterReplid) }
        append(event ?? .subscribed(runID: runID, redisVersion: redisVersion), at: now)
    }

    /// When ``tick(_:)`` is next due, on the monotonic clock.
    var nextDeadline: UInt64? {
        guard let outage else { return writer.nextDeadline }
        return outage.isDiskLow ? nil : outage.retryAt
    }

    /// Performs due work.
    mutating func tick(_ now: Moment) {
        if let outage {
            if !outage.isDiskLow, now.monotonic >= outage.retryAt { resume(now) }
        } else {
            attempt(now) { writer throws(CaptureError) in try writer.tick(now) }
        }
    }

    /// Closes the segment and starts the next one.
    mutating func rotateNow(_ now: Moment) {
        attempt(now) { writer throws(CaptureError) in try writer.rotateNow(now) }
    }

    /// Writes pending data immediately: a large payload is in memory twice until then.
    mutating func flushLarge(_ now: Moment) { flush(now) }

    /// Writes pending data and forces it to the disk.
    mutating func flushNow(_ now: Moment) {
        attempt(now) { writer throws(CaptureError) in try writer.flushNow(now) }
    }

    /// Flushes and closes the segment; envelopes that could not be written are counted and logged.
    ///
    /// - Parameter checkedIDs: by channel name, the id up to which everything assigned is recorded or reported missing.
    mutating func close(_ now: Moment, checkedIDs: OrdinalNameMap<UInt64> = [:]) {
        // Even if disk space is low: recording which ids are lost takes little space.
        if outage != nil { resume(now, isStopping: true) }
        attempt(now) { writer throws(CaptureError) in try writer.close(now, .stopped(checkedIDs: checkedIDs)) }
        status.isWriting = false
        guard let outage else { return }
        for event in outage.events(channels: channels) where event.event == "dropped" {
            logger.error(
                "envelopes were lost and not noted in the capture",
                metadata: [
                    "channel": "\(event.channel ?? "-")", "envelopes": "\(event.envelopes ?? 0)",
                    "from": "\(event.from ?? 0)", "to": "\(event.to ?? 0)", "reason": "\(event.reason ?? "-")",
                ])
        }
    }

    // MARK: - Low disk space

    /// Closes the segment; from now on envelopes are counted as dropped.
    ///
    /// - Parameter free: free bytes on the file system.
    mutating func pause(free: UInt64, at now: Moment) {
        let wasOut = outage != nil
        append(.recordingPaused(free: free), at: now)
        attempt(now) { writer throws(CaptureError) in try writer.close(now, .goesOn) }
        if outage == nil {
            outage = RecordingOutage(channels: channels.count, at: now.monotonic)
        } else if !wasOut {
            // It was discarded with its chunk.
            outage?.hold(.recordingPaused(free: free))
        }
        outage?.setDiskLow(true)
        status.isWriting = false
        status.isDiskLow = true
        metrics.paused.set(1)
        logger.error(
            "disk space is low, recording paused; envelopes are counted as dropped until space is free",
            metadata: ["free": "\(free)"])
        news.append(.recordingPaused(free: free))
    }

    mutating func unpause(free: UInt64, at now: Moment) {
        // Before writing: a failure must be the last news.
        news.append(.recordingResumed(free: free))
        guard outage?.isDiskLow == true else { return }
        outage?.hold(.recordingResumed(free: free))
        outage?.setDiskLow(false)
        // Resumption was reported first: a failure must be reported again.
        outage?.isFailureReported = false
        status.isDiskLow = false
        metrics.paused.set(0)
        logger.notice("disk space recovered, resuming recording", metadata: ["free": "\(free)"])
        resume(now)
    }

    // MARK: - Failure

    private mutating func flush(_ now: Moment) {
        attempt(now) { writer throws(CaptureError) in try writer.flush(now) }
    }

    /// Tries, and once more in a new segment; then the outage begins.
    private mutating func attempt(
        _ now: Moment, _ body: (inout CaptureWriter) throws(CaptureError) -> Void
    ) {
        guard outage == nil else { return }
        do {
            try body(&writer)
            status.isWriting = true
            return
        } catch {
            failed(error)
        }
        do {
            try writer.reopen(now)
            try body(&writer)
            status.isWriting = true
            logger.warning("recording continues in a new segment")
        } catch {
            failed(error)
            beginOutage(error, at: now)
        }
    }

    private func failed(_ error: CaptureError) {
        metrics.writeErrors.increment()
        logger.error("cannot write the capture", metadata: ["cause": "\(error)"])
    }

    private mutating func beginOutage(_ error: CaptureError, at now: Moment) {
        status.isWriting = false
        outage = RecordingOutage(channels: channels.count, at: now.monotonic)
        reportFailure(error)
        loseChunk()
        logger.error("recording is interrupted; envelopes are counted as dropped until it works again")
    }

    /// Once per outage, and again after a pause because of low disk space.
    private mutating func reportFailure(_ error: CaptureError) {
        guard outage?.isFailureReported == false else { return }
        outage?.isFailureReported = true
        news.append(.writingFailed(error))
    }

    /// Writes the events of the outage; success ends it.
    private mutating func resume(_ now: Moment, isStopping: Bool = false) {
        guard let ended = outage else { return }
        for event in ended.events(channels: channels) { writer.append(event, at: now) }
        do {
            try writer.reopen(now)
            outage = nil
            status.isWriting = true
            logger.notice(
                isStopping ? "what was lost is noted in the capture" : "recording works again",
                metadata: [
                    "lost": "\(ended.lostEnvelopes)"
                ])
            let lost = ended.envelopesLostToErrors
            if ended.isFailureReported || lost > 0 { news.append(.writingResumed(lost: lost)) }
        } catch {
            failed(error)
            reportFailure(error)
            _ = writer.discardChunk()
            outage?.failedAgain(at: now.monotonic)
        }
    }

    private mutating func loseChunk() {
        let discarded = writer.discardChunk()
        for event in discarded.missing { outage?.hold(event) }
        outage?.lose(discarded.lost)
        for tally in discarded.lost where tally.envelopes > 0 {
            metrics.drops.drop(.writeError, envelopes: tally.envelopes, bytes: tally.bytes)
        }
    }

    private mutating func lose(channel: Int, id: UInt64?, bytes: Int) {
        guard let reason = outage?.reason else { return }
        outage?.lose(channel: channel, id: id, bytes: bytes)
        metrics.drops.drop(reason, envelopes: 1, bytes: bytes)
    }
}
