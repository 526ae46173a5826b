import Capture
import Prometheus

/// The metrics of the files of the capture.
struct StorageMetrics: Sendable {
    let retainedSegments: Gauge
    let retainedBytes: Gauge
    let archivedSegments: Counter
    let archiveFailures: Counter
    let archivePending: Gauge
    private let deleted: [RetentionReason: Counter]

    init(_ registry: Registry) {
        retainedSegments = registry.gauge(
            "backplane_relay_retained_segments", help: "Segments in the record directory, of all runs.")
        retainedBytes = registry.gauge(
            "backplane_relay_retained_bytes", help: "Bytes of the segments in the record directory.")
        archivedSegments = registry.counter(
            "backplane_relay_archived_segments_total", help: "Segments that --archive-command took.")
        archiveFailures = registry.counter(
            "backplane_relay_archive_failures_total",
            help:
                "Runs of --archive-command that failed or took too long; they are repeated. The log has its last line.")
        archivePending = registry.gauge(
            "backplane_relay_archive_pending_segments", help: "Closed segments that are not archived yet.")
        let deleted = registry.counterFamily(
            "backplane_relay_deleted_segments_total",
            help: "Segments that retention deleted; disk_low: before they were archived.", labels: ["reason"])
        self.deleted = Dictionary(
            uniqueKeysWithValues: RetentionReason.allCases.map { ($0, deleted.with($0.rawValue)) })
    }

    func deleted(_ reason: RetentionReason) {
        deleted[reason]?.increment()
    }
}
