import Capture
import Logging
import Prometheus

/// Records, whatever the disk does: writes through a ``CaptureWriter``, and when that fails tries a new segment at once
/// and then again and again, counting what is lost in between.
///
/// Never throws: the relay goes on reading and counting. What was lost is an event in the capture as soon as writing
/// works again.
struct Recorder: ~Copyable {
    /// Events kept while nothing can be written.
    private static let heldEventsLimit = 1_000
    private static let firstRetry: UInt64 = 500_000_000
    private static let lastRetry: UInt64 = 10_000_000_000

    /// While the capture cannot be written.
    private struct Outage {
        var retryAt: UInt64
        var wait: UInt64
        /// By channel index.
        var lost: [ChannelTally]
        var heldEvents: [CaptureEvent] = []
    }

    private var writer: CaptureWriter
    private let channels: [String]
    private let metrics: RelayMetrics
    private let status: RelayStatus
    private let logger: Logger
    private var outage: Outage?

    init(
        writer: consuming CaptureWriter, channels: [String], metrics: RelayMetrics, status: RelayStatus, logger: Logger
    ) {
        self.writer = writer
        self.channels = channels
        self.metrics = metrics
        self.status = status
        self.logger = logger
    }

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

    mutating func append(_ event: CaptureEvent, at now: Moment) {
        if outage == nil {
            writer.append(event, at: now)
        } else if outage!.heldEvents.count < Self.heldEventsLimit {
            outage!.heldEvents.append(event)
        }
    }

    mutating func connected(runID: String?, redisVersion: String?, at now: Moment) {
        attempt(now) { writer throws(CaptureError) in
            try writer.connected(runID: runID, redisVersion: redisVersion, at: now)
        }
        // In an outage no segment is open: this tells the writer whose the next one is.
        if outage != nil { try? writer.connected(runID: runID, redisVersion: redisVersion, at: now) }
        append(.subscribed(runID: runID, redisVersion: redisVersion), at: now)
    }

    /// When ``tick(_:)`` has something to do next, on the monotonic clock.
    var nextDeadline: UInt64? {
        if let outage { outage.retryAt } else { writer.nextDeadline }
    }

    /// Does what is due.
    mutating func tick(_ now: Moment) {
        if let outage {
            if now.monotonic >= outage.retryAt { resume(now) }
        } else {
            attempt(now) { writer throws(CaptureError) in try writer.tick(now) }
        }
    }

    /// Flushes and closes the segment; what could not be written is counted.
    mutating func close(_ now: Moment) {
        if outage != nil { resume(now) }
        attempt(now) { writer throws(CaptureError) in try writer.close(now) }
        status.isWriting = false
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
            logger.warning("recording goes on in a new segment")
        } catch {
            failed(error)
            beginOutage(now)
        }
    }

    private func failed(_ error: CaptureError) {
        metrics.writeErrors.increment()
        logger.error("cannot write the capture", metadata: ["cause": "\(error)"])
    }

    private mutating func beginOutage(_ now: Moment) {
        status.isWriting = false
        outage = Outage(
            retryAt: now.monotonic + Self.firstRetry, wait: Self.firstRetry,
            lost: Array(repeating: ChannelTally(), count: channels.count))
        loseChunk()
        logger.error("recording is interrupted; envelopes are counted as dropped until it works again")
    }

    /// Writes what happened during the outage; if that works, it is over.
    private mutating func resume(_ now: Moment) {
        guard let ended = outage else { return }
        for (channel, tally) in zip(channels, ended.lost) where tally.envelopes > 0 {
            writer.append(
                .dropped(
                    channel: channel, envelopes: tally.envelopes, bytes: tally.bytes,
                    reason: RelayMetrics.DropReason.writeError.rawValue, ids: tally.ids), at: now)
        }
        for event in ended.heldEvents { writer.append(event, at: now) }
        do {
            try writer.reopen(now)
            outage = nil
            status.isWriting = true
            logger.notice(
                "recording works again",
                metadata: [
                    "lost": "\(ended.lost.reduce(0) { $0 + $1.envelopes })"
                ])
        } catch {
            failed(error)
            _ = writer.discardChunk()
            let wait = min(ended.wait * 2, Self.lastRetry)
            outage!.wait = wait
            outage!.retryAt = now.monotonic + wait
        }
    }

    private mutating func loseChunk() {
        let discarded = writer.discardChunk()
        outage!.heldEvents += discarded.missing
        for (channel, tally) in discarded.lost.enumerated() where tally.envelopes > 0 {
            outage!.lost[channel].add(tally)
            metrics.drop(.writeError, envelopes: tally.envelopes, bytes: tally.bytes)
        }
    }

    private mutating func lose(channel: Int, id: UInt64?, bytes: Int) {
        outage!.lost[channel].add(id: id, bytes: bytes)
        metrics.drop(.writeError, envelopes: 1, bytes: bytes)
    }
}

/// Carries what a ``CaptureWriter`` does into the metrics.
final class RecorderMetrics: CaptureWriterObserver {
    private let metrics: RelayMetrics

    init(_ metrics: RelayMetrics) {
        self.metrics = metrics
    }

    func chunkWritten(bytes: Int, envelopes: Int, payloadBytes: Int, nanoseconds: UInt64) {
        metrics.recordedEnvelopes.increment(by: envelopes)
        metrics.recordedBytes.increment(by: payloadBytes)
        metrics.writtenBytes.increment(by: bytes)
        metrics.chunkWriteSeconds.observe(Double(nanoseconds) * 1e-9)
    }

    func synced(nanoseconds: UInt64) {
        metrics.fsyncSeconds.observe(Double(nanoseconds) * 1e-9)
    }

    func segmentOpened(path: String) {
        metrics.segments.increment()
    }
}
