package import Capture
import Logging
package import Prometheus
import Synchronization
import Time

/// Metrics of the recording. A relay that only observes exposes them too, at 0.
package struct RecordingMetrics: Sendable {
    /// Envelopes written to segment files since the start.
    package let envelopes: Counter
    /// Payload bytes, before compression.
    package let bytes: Counter
    /// Growth of segment files.
    package let writtenBytes: Counter
    let segments: Counter
    let uncompressedChunks: Counter
    let chunkWriteSeconds: Histogram
    let fsyncSeconds: Histogram
    let writeErrors: Counter
    let paused: Gauge
    private let lost: [SegmentLoss.Cause: Counter]
    let drops: DropMetrics
    /// Losses of the run, for its exit status.
    let account = RunAccount()

    /// Registers the metrics.
    ///
    /// - Parameter drops: shared with the intake.
    package init(_ registry: Registry, drops: DropMetrics) {
        self.drops = drops
        envelopes = registry.counter(
            "backplane_relay_recorded_envelopes_total", help: "Envelopes written to the capture.")
        bytes = registry.counter(
            "backplane_relay_recorded_bytes_total", help: "Payload bytes written to the capture, before compression.")
        writtenBytes = registry.counter(
            "backplane_relay_written_bytes_total", help: "Bytes written to segment files, after compression.")
        segments = registry.counter("backplane_relay_segments_total", help: "Segment files started.")
        uncompressedChunks = registry.counter(
            "backplane_relay_uncompressed_chunks_total",
            help: "Chunks stored uncompressed, because compression slowed the recorder while the intake filled.")
        chunkWriteSeconds = registry.histogram(
            "backplane_relay_chunk_write_seconds",
            help: "Time to compress and write one chunk; long times mean a slow disk.",
            buckets: [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.1, 0.5, 2.5])
        fsyncSeconds = registry.histogram(
            "backplane_relay_fsync_seconds", help: "Time to force written data to the disk.",
            buckets: [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10])
        writeErrors = registry.counter(
            "backplane_relay_write_errors_total",
            help: "Failed writes to the capture; the relay tries a new segment. The log names the error.")
        paused = registry.gauge(
            "backplane_relay_recording_paused",
            help: "1 while recording is paused because free disk space is below the limit.")
        let lost = registry.counterFamily(
            "backplane_relay_lost_envelopes_total",
            help: "Recorded envelopes that are gone because the open segment's file was changed from outside.",
            labels: ["cause"])
        self.lost = Dictionary(
            uniqueKeysWithValues: SegmentLoss.Cause.allCases.map { ($0, lost.with($0.rawValue)) })
    }

    /// For a relay that records.
    func watch(_ directory: String, _ status: RelayStatus, _ registry: Registry) {
        let free = registry.gauge(
            "backplane_relay_free_disk_bytes", help: "Free space on the file system of the capture.")
        let recording = registry.gauge(
            "backplane_relay_recording",
            help:
                "1 while the capture is being written, 0 while it is not: see write_errors_total, free_disk_bytes, the log."
        )
        registry.onScrape {
            if let bytes = CaptureDirectory.freeBytes(at: directory) { free.set(Double(bytes)) }
            recording.set(status.isWriting && !status.isDiskLow ? 1 : 0)
        }
    }

    fileprivate func count(_ loss: SegmentLoss) {
        lost[loss.cause]?.increment(by: loss.envelopes)
        if loss.cause != .moved { account.lost(envelopes: loss.envelopes) }
    }

    /// Received and accepted, but not written.
    package var lostEnvelopes: Int { drops.count(.writeError) + drops.count(.diskLow) }
}

/// Losses of a run while it should have recorded: determine its exit status.
///
/// Written by the recorder's thread; thread-safe to read.
final class RunAccount: Sendable {
    private let missing = Atomic(0)
    private let gone = Atomic(0)
    private let parts = Atomic(0)

    /// Ids assigned in this run that did not arrive. Envelopes dropped by the intake are counted as dropped.
    func missed(ids: UInt64, cause: GapCause) {
        guard cause != .dropped, RecordingVerdict.isLoss(cause: cause.rawValue) else { return }
        missing.add(Int(clamping: ids), ordering: .relaxed)
    }

    /// Recorded, and then lost.
    func lost(envelopes: Int) { gone.add(envelopes, ordering: .relaxed) }

    /// Part of the replication stream was not received, and hubs, which have no ids, are watched.
    func lostPart() { parts.add(1, ordering: .relaxed) }

    var missingIDs: Int { missing.load(ordering: .relaxed) }
    var goneEnvelopes: Int { gone.load(ordering: .relaxed) }
    var lostParts: Int { parts.load(ordering: .relaxed) }
}

/// Losses of a recording relay in its run.
package struct RelayLosses: Sendable, Equatable {
    /// Received but not recorded: the intake or the disk was full.
    package var droppedEnvelopes = 0
    /// Never received, according to their ids.
    package var missingIDs = 0
    /// Recorded, and lost with a file that was deleted or truncated.
    package var goneEnvelopes = 0
    /// How often part of the replication stream was lost, with envelopes without ids in it or not.
    package var lostParts = 0

    /// No losses.
    package init() {}

    /// True if nothing was lost.
    package var isEmpty: Bool { self == RelayLosses() }

    /// Determines the exit status.
    package var verdict: RecordingVerdict {
        var verdict = RecordingVerdict()
        verdict.hasLoss = droppedEnvelopes > 0 || missingIDs > 0 || lostParts > 0
        verdict.isDamaged = goneEnvelopes > 0
        return verdict
    }
}

/// Forwards notifications of a ``CaptureWriter`` to metrics, log and housekeeping.
final class WriterObserver: CaptureWriterObserver {
    private let metrics: RecordingMetrics
    private let logger: Logger?
    private var log: EventLog?
    private let onSegmentEnded: (_ path: String) -> Void

    /// - Parameter onSegmentEnded: called on the recorder's thread; must not block.
    init(
        _ metrics: RecordingMetrics, logger: Logger? = nil,
        onSegmentEnded: @escaping (_ path: String) -> Void = { _ in }
    ) {
        self.metrics = metrics
        self.logger = logger
        log = logger.map { EventLog($0) }
        self.onSegmentEnded = onSegmentEnded
    }

    func chunkWritten(bytes: Int, envelopes: Int, payloadBytes: Int, nanoseconds: UInt64) {
        metrics.envelopes.increment(by: envelopes)
        metrics.bytes.increment(by: payloadBytes)
        metrics.writtenBytes.increment(by: bytes)
        metrics.chunkWriteSeconds.observe(Double(nanoseconds) * 1e-9)
        log?.flush(at: Moment.now().monotonic)
    }

    func chunkLeftUncompressed() {
        metrics.uncompressedChunks.increment()
        log?.write(
            .warning, "compression slows the recorder, storing chunks uncompressed until it has caught up",
            kind: "uncompressed", at: Moment.now().monotonic, [:])
    }

    func synced(nanoseconds: UInt64) {
        metrics.fsyncSeconds.observe(Double(nanoseconds) * 1e-9)
    }

    func segmentOpened(path: String) {
        metrics.segments.increment()
    }

    func segmentEnded(path: String) {
        log?.flush(at: .max)
        onSegmentEnded(path)
    }

    func segmentLost(_ loss: SegmentLoss) {
        metrics.count(loss)
        logger?.error(
            "something changed the open segment from outside; recording continues in a new one",
            metadata: [
                "segment": "\(loss.path)", "cause": "\(loss.cause.rawValue)", "envelopes": "\(loss.envelopes)",
            ])
    }
}
