import Capture
import Logging
import Prometheus
import Time

/// Carries what a ``CaptureWriter`` does into metrics and log, and to housekeeping.
final class RecorderMetrics: CaptureWriterObserver {
    private let metrics: RelayMetrics
    private let account: RunAccount
    private let logger: Logger?
    private var log: EventLog?
    private let onSegmentEnded: (_ path: String) -> Void

    /// - Parameter onSegmentEnded: called on the recorder's thread; must not wait.
    init(
        _ metrics: RelayMetrics, account: RunAccount = RunAccount(), logger: Logger? = nil,
        onSegmentEnded: @escaping (_ path: String) -> Void = { _ in }
    ) {
        self.metrics = metrics
        self.account = account
        self.logger = logger
        log = logger.map { EventLog($0) }
        self.onSegmentEnded = onSegmentEnded
    }

    func chunkWritten(bytes: Int, envelopes: Int, payloadBytes: Int, nanoseconds: UInt64) {
        metrics.recordedEnvelopes.increment(by: envelopes)
        metrics.recordedBytes.increment(by: payloadBytes)
        metrics.writtenBytes.increment(by: bytes)
        metrics.chunkWriteSeconds.observe(Double(nanoseconds) * 1e-9)
        log?.flush(at: Moment.now().monotonic)
    }

    func chunkLeftUncompressed() {
        metrics.uncompressedChunks.increment()
        log?.write(
            .warning, "compressing holds the recorder up, chunks are stored as they are until it has caught up",
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
        metrics.storage.lost(loss)
        if loss.cause != .moved { account.lost(envelopes: loss.envelopes) }
        logger?.error(
            "somebody touched the open segment; recording goes on in a new one",
            metadata: [
                "segment": "\(loss.path)", "cause": "\(loss.cause.rawValue)", "envelopes": "\(loss.envelopes)",
            ])
    }
}
