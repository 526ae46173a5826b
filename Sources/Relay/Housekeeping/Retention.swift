import Backplane
import Capture
import Logging
import Prometheus
import Time

/// Manages the files of the record directory: free space, retention, and segments to archive.
///
/// Blocking, not thread-safe; runs off the recorder's thread.
struct Retention {
    /// Interval of reading the directory without a reason, in nanoseconds.
    static let lookInterval: UInt64 = 30_000_000_000

    private let directory: String
    private let policy: HousekeepingPolicy
    private let intake: Intake
    private let metrics: StorageMetrics
    private let logger: Logger
    private var inventory: SegmentInventory
    private var diskGuard: DiskGuard
    private var log: EventLog
    private var nextLook: UInt64 = 0
    /// Names of segments released by the recorder, until they are seen to be closed.
    private var awaited: Set<String> = []
    /// Archived in this run: remembered even if the marker cannot be written.
    private var archived: Set<String> = []
    private(set) var segments: [StoredSegment] = []

    init(_ place: RecordDirectory, intake: Intake, metrics: StorageMetrics, logger: Logger) {
        directory = place.path
        policy = place.policy
        self.intake = intake
        self.metrics = metrics
        self.logger = logger
        log = EventLog(logger)
        inventory = SegmentInventory(directory: directory)
        diskGuard = DiskGuard(minimum: policy.minimumFree)
    }

    /// Call about once a second.
    ///
    /// - Parameter ended: names of segments released by the recorder since the last call.
    mutating func look(ended: [String], at now: Moment) {
        awaited.formUnion(ended)
        if !awaited.isEmpty || now.monotonic >= nextLook {
            nextLook = now.monotonic + Self.lookInterval
            survey(at: now)
            closeAbandoned(at: now)
            retain(at: now)
        }
        watchDisk(at: now)
        log.flush(at: now.monotonic)
    }

    /// Logs what was suppressed.
    mutating func finish() { log.flush(at: .max) }

    /// The oldest segment to archive.
    var nextToArchive: StoredSegment? { pending.first }
    /// The newest one.
    var lastToArchive: StoredSegment? { pending.last }

    private var pending: [StoredSegment] {
        policy.archive == nil ? [] : segments.filter { !$0.isOpen && !$0.isArchived }
    }

    /// The archive command succeeded.
    mutating func archived(_ name: String, at now: Moment) {
        archived.insert(name)
        mark(name, at: now)
        nextLook = 0
        for index in segments.indices where segments[index].name == name { segments[index].isArchived = true }
        publish()
    }

    // MARK: - The directory

    private mutating func survey(at now: Moment) {
        do {
            segments = try inventory.scan()
        } catch {
            complain("cannot read the record directory", error, at: now)
            return
        }
        let names = Set(segments.map(\.name))
        archived.formIntersection(names)
        awaited = awaited.filter { name in segments.contains { $0.name == name && $0.isOpen } }
        for index in segments.indices where !segments[index].isArchived && archived.contains(segments[index].name) {
            segments[index].isArchived = true
            mark(segments[index].name, at: now)
        }
        publish()
    }

    private mutating func mark(_ name: String, at now: Moment) {
        do {
            try ArchiveMarker.make(for: name, in: directory)
        } catch {
            complain("cannot mark a segment as archived", error, at: now)
        }
    }

    /// A segment abandoned after a failure gets its summary before it is archived.
    private mutating func closeAbandoned(at now: Moment) {
        for segment in segments where !segment.isOpen && !segment.isClosed {
            do {
                guard let outcome = try AbandonedSegment.close(directory + "/" + segment.name, at: now) else {
                    continue
                }
                logger.notice("\(outcome)")
            } catch {
                complain("cannot write the summary of a segment", error, at: now)
            }
        }
    }

    private func publish() {
        metrics.retainedSegments.set(Double(segments.count))
        metrics.retainedBytes.set(Double(segments.reduce(0) { $0 + $1.size }))
        metrics.archivePending.set(Double(pending.count))
    }

    // MARK: - Retention

    private mutating func retain(at now: Moment) {
        guard !policy.retention.isOff else { return }
        for deletion in policy.retention.deletions(segments, now: now.realtime) { delete(deletion, at: now) }
    }

    /// Segments due by the policy but kept for the archive, oldest first, until there is space.
    private mutating func forceRetention(at now: Moment) {
        guard !policy.retention.isOff else { return }
        for deletion in policy.retention.deletions(segments, now: now.realtime, diskLow: true) {
            guard let free = CaptureDirectory.freeBytes(at: directory), free < diskGuard.resumesAt else { return }
            delete(deletion, at: now)
        }
    }

    private mutating func delete(_ deletion: RetentionPolicy.Deletion, at now: Moment) {
        guard let index = segments.firstIndex(where: { $0.name == deletion.name }) else { return }
        let ids = SegmentInventory.ids(of: deletion.name, in: directory)
        do {
            guard try SegmentRemoval.remove(deletion.name, from: directory) else { return }
        } catch {
            return complain("cannot delete a segment", error, at: now)
        }
        let segment = segments.remove(at: index)
        metrics.deleted(deletion.reason)
        for event in CaptureEvent.segmentDeleted(segment, ids: ids, reason: deletion.reason) {
            intake.command(.note(event))
        }
        logger.log(
            level: deletion.reason == .diskLow ? .warning : .notice,
            deletion.reason == .diskLow
                ? "a segment was deleted before it was archived, because disk space is low" : "a segment was deleted",
            metadata: [
                "segment": "\(segment.name)", "reason": "\(deletion.reason.rawValue)", "bytes": "\(segment.size)",
                "ids":
                    "\(ids.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value.lowerBound)..\($0.value.upperBound)" }.joined(separator: ", "))",
            ])
        publish()
    }

    // MARK: - The disk

    private mutating func watchDisk(at now: Moment) {
        guard policy.minimumFree > 0, var free = CaptureDirectory.freeBytes(at: directory) else { return }
        if diskGuard.isShort(free: free), !policy.retention.isOff {
            survey(at: now)
            retain(at: now)
            forceRetention(at: now)
            free = CaptureDirectory.freeBytes(at: directory) ?? free
        }
        switch diskGuard.observe(free: free) {
        case .low: intake.command(.pause(free: free))
        case .recovered: intake.command(.resume(free: free))
        case nil: break
        }
    }

    private mutating func complain(_ what: Logger.Message, _ error: any Error, at now: Moment) {
        log.write(.error, what, kind: "\(what)", at: now.monotonic, ["cause": "\(error)"])
    }
}
