package import Capture
import Logging
import NIOConcurrencyHelpers
import NIOPosix
import Prometheus
import Time

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// How to treat closed segments, and when to pause recording.
package struct HousekeepingPolicy: Sendable {
    /// Bytes that must stay free on the file system; 0 for no limit.
    package var minimumFree: UInt64
    /// Which closed segments are deleted.
    package var retention: RetentionPolicy
    /// Run for each closed segment; nil for none.
    package var archive: ArchiveCommand?
    /// Time limit of the archive command.
    package var archiveTimeout: Duration

    /// - Parameters:
    ///   - minimumFree: bytes; 0 for no limit.
    ///   - retention: its `needsArchive` is set here: with an archive command only archived segments are deleted.
    ///   - archive: see ``archive``.
    ///   - archiveTimeout: see ``archiveTimeout``.
    package init(
        minimumFree: UInt64 = 0, retention: RetentionPolicy = RetentionPolicy(), archive: ArchiveCommand? = nil,
        archiveTimeout: Duration = .seconds(600)
    ) {
        self.minimumFree = minimumFree
        self.retention = retention
        self.archive = archive
        self.archiveTimeout = archiveTimeout
        self.retention.needsArchive = archive != nil
    }
}

/// The record directory and the treatment of its segments.
struct RecordDirectory {
    var path: String
    var policy: HousekeepingPolicy
}

/// Runs ``Retention`` about once a second on a separate thread, and the archive command beside it, so that the recorder
/// never waits for a large deletion or a slow archive.
final class Housekeeper: Sendable {
    /// Time limit for the last segment during a graceful shutdown.
    static let lastTry = Duration.seconds(10)
    private static let interval = Duration.seconds(1)

    private struct Failures {
        var backoff = ArchiveBackoff()
        var log: EventLog
    }

    private let directory: String
    private let policy: HousekeepingPolicy
    private let metrics: StorageMetrics
    private let logger: Logger
    private let thread = NIOThreadPool(numberOfThreads: 1)
    /// Used on `thread` only: reading the directory can take long.
    private let retention: NIOLockedValueBox<Retention>
    private let failures: NIOLockedValueBox<Failures>
    private let ended = NIOLockedValueBox<[String]>([])
    /// The running archive command.
    private let running = NIOLockedValueBox<ShellCommand?>(nil)

    /// - Parameter place: the record directory and the treatment of its segments.
    init(_ place: RecordDirectory, intake: Intake, metrics: StorageMetrics, logger: Logger) {
        directory = Self.absolute(place.path)
        policy = place.policy
        self.metrics = metrics
        self.logger = logger
        failures = NIOLockedValueBox(Failures(log: EventLog(logger)))
        retention = NIOLockedValueBox(
            Retention(place, intake: intake, metrics: metrics, logger: logger))
    }

    /// Call first.
    func start() { thread.start() }

    /// The recorder released a segment. Thread-safe, does not block.
    func segmentEnded(path: String) {
        let name = path.lastIndex(of: "/").map { String(path[path.index(after: $0)...]) } ?? path
        ended.withLockedValue { $0.append(name) }
    }

    /// Checks the directory once; before the first envelope this determines whether there is space to record.
    func look() async {
        try? await thread.runIfActive { [self] in
            let names = ended.withLockedValue { names in
                defer { names = [] }
                return names
            }
            retention.withLockedValue { $0.look(ended: names, at: .now()) }
            failures.withLockedValue { $0.log.flush(at: Moment.now().monotonic) }
        }
    }

    /// Runs until cancelled.
    func run() async {
        await withTaskGroup(of: Void.self) { group in
            group.addTask { [self] in
                while !Task.isCancelled {
                    await look()
                    try? await Task.sleep(for: Self.interval)
                }
            }
            if policy.archive != nil {
                group.addTask { [self] in await archive() }
            }
        }
    }

    /// Stops: the running command may finish, and the segment closed last gets one attempt, within ten seconds in
    /// total. The task of ``run()`` must have been cancelled.
    func finish(_ housekeeping: Task<Void, Never>) async {
        let deadline = ContinuousClock.now + Self.lastTry
        running.withLockedValue { $0?.shorten(to: deadline) }
        await housekeeping.value
        if policy.archive != nil {
            await look()
            if let segment = await next({ $0.lastToArchive }), ContinuousClock.now < deadline {
                _ = await archive(segment, within: deadline - .now)
            }
        }
        failures.withLockedValue { $0.log.flush(at: .max) }
        retention.withLockedValue { $0.finish() }
        try? await thread.shutdownGracefully()
    }

    // MARK: - Archive

    private func archive() async {
        while !Task.isCancelled {
            guard let segment = await next({ $0.nextToArchive }) else {
                try? await Task.sleep(for: Self.interval)
                continue
            }
            if await archive(segment, within: policy.archiveTimeout) { continue }
            let wait = failures.withLockedValue { $0.backoff.failed() }
            try? await Task.sleep(for: wait)
        }
    }

    private func next(_ which: @escaping @Sendable (Retention) -> StoredSegment?) async -> StoredSegment? {
        try? await thread.runIfActive { [self] in retention.withLockedValue { which($0) } }
    }

    private func archive(_ segment: StoredSegment, within timeout: Duration) async -> Bool {
        guard let template = policy.archive else { return false }
        let command = ShellCommand(
            template.expanded(path: directory + "/" + segment.name, name: segment.name), timeout: timeout)
        running.withLockedValue { $0 = command }
        let outcome = await command.run()
        running.withLockedValue { $0 = nil }
        if outcome.succeeded {
            metrics.archivedSegments.increment()
            try? await thread.runIfActive { [self] in
                retention.withLockedValue { $0.archived(segment.name, at: .now()) }
            }
            failures.withLockedValue { $0.backoff.succeeded() }
            logger.info("a segment was archived", metadata: ["segment": "\(segment.name)"])
        } else {
            metrics.archiveFailures.increment()
            failures.withLockedValue {
                $0.log.write(
                    .warning, "the archive command failed, retrying", kind: "archive",
                    at: Moment.now().monotonic, ["segment": "\(segment.name)", "cause": "\(outcome.description)"])
            }
        }
        return outcome.succeeded
    }

    /// For a command that may change its directory.
    private static func absolute(_ path: String) -> String {
        guard !path.hasPrefix("/"), let current = getcwd(nil, 0) else { return path }
        defer { free(current) }
        return String(cString: current) + "/" + path
    }
}

/// Delay of the archive after a failure: a second, doubling up to a minute.
struct ArchiveBackoff {
    static let first = Duration.seconds(1)
    static let last = Duration.seconds(60)

    private(set) var wait: Duration?

    /// - Returns: how long to wait now.
    mutating func failed() -> Duration {
        let next = wait.map { min($0 * 2, Self.last) } ?? Self.first
        wait = next
        return next
    }

    mutating func succeeded() {
        wait = nil
    }
}

/// Metrics of the capture's files.
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
            "backplane_relay_archived_segments_total", help: "Segments archived by the archive command.")
        archiveFailures = registry.counter(
            "backplane_relay_archive_failures_total",
            help:
                "Runs of the archive command that failed or timed out; they are retried. The log has its last line of output."
        )
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
