import Capture
import Logging
import Prometheus

/// Carries what a ``CaptureWriter`` does into metrics and log, and to housekeeping.
final class RecorderMetrics: CaptureWriterObserver {
    private let metrics: RelayMetrics
    private let logger: Logger?
    private var uncompressedLog = LogLimiter()
    private let onSegmentEnded: (_ path: String) -> Void

    /// - Parameter onSegmentEnded: called on the recorder's thread; must not wait.
    init(
        _ metrics: RelayMetrics, logger: Logger? = nil, onSegmentEnded: @escaping (_ path: String) -> Void = { _ in }
    ) {
        self.metrics = metrics
        self.logger = logger
        self.onSegmentEnded = onSegmentEnded
    }

    func chunkWritten(bytes: Int, envelopes: Int, payloadBytes: Int, nanoseconds: UInt64) {
        metrics.recordedEnvelopes.increment(by: envelopes)
        metrics.recordedBytes.increment(by: payloadBytes)
        metrics.writtenBytes.increment(by: bytes)
        metrics.chunkWriteSeconds.observe(Double(nanoseconds) * 1e-9)
    }

    func chunkLeftUncompressed() {
        metrics.uncompressedChunks.increment()
        guard let suppressed = uncompressedLog.admit(at: Moment.now().monotonic) else { return }
        logger?.warning(
            "compressing holds the recorder up, chunks are stored as they are until it has caught up",
            metadata: ["suppressed": "\(suppressed)"])
    }

    func synced(nanoseconds: UInt64) {
        metrics.fsyncSeconds.observe(Double(nanoseconds) * 1e-9)
    }

    func segmentOpened(path: String) {
        metrics.segments.increment()
    }

    func segmentEnded(path: String) {
        onSegmentEnded(path)
    }

    func segmentLost(_ loss: SegmentLoss) {
        metrics.storage.lost(loss)
        logger?.error(
            "somebody touched the open segment; recording goes on in a new one",
            metadata: [
                "segment": "\(loss.path)", "cause": "\(loss.cause.rawValue)", "envelopes": "\(loss.envelopes)",
            ])
    }
}
