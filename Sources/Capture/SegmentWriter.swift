import Backplane
import MCAP
import Time

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// The disk side of a ``CaptureWriter``: opens, writes, syncs and closes one segment after another.
///
/// What the capture must say about it is returned as events, for the next chunk.
struct SegmentWriter: ~Copyable {
    /// How often the file is checked by name, in nanoseconds.
    private static let lookInterval: UInt64 = 1_000_000_000

    /// A chunk that was written but not reported yet.
    struct Written {
        /// Growth of the file.
        let bytes: Int
        /// False if compression is on, but would have slowed the recorder further.
        let isAsConfigured: Bool
        /// When compression began, on the monotonic clock.
        let startedAt: UInt64
    }

    private(set) var configuration: CaptureWriter.Configuration
    private let observer: any CaptureWriterObserver
    private var source: CaptureSource
    /// Distinguishes segments of this process from those of another; nil in segments of earlier versions.
    var recordingID: String? = String(UInt64.random(in: 0...UInt64.max), radix: 36)
    var choice = CompressionChoice()
    private var segment: OpenSegment?
    private var previousSegment: String?
    /// Up to the last written chunk.
    private var writtenEnds: RecordingEnds
    private var unsyncedSince: UInt64?
    /// When the open segment's file was last checked by name, on the monotonic clock.
    private var lookedAt: UInt64 = 0

    /// - Parameters:
    ///   - ends: before the first chunk.
    ///   - previousSegment: file name of the last segment in the directory; nil if there is none.
    init(
        configuration: CaptureWriter.Configuration, source: CaptureSource, ends: RecordingEnds,
        previousSegment: String?, observer: any CaptureWriterObserver
    ) {
        self.configuration = configuration
        self.source = source
        writtenEnds = ends
        self.previousSegment = previousSegment
        self.observer = observer
    }

    /// - Precondition: no segment is open, since each says at its start which channels it holds.
    mutating func attach(_ channels: [BackplaneChannel]) {
        precondition(segment == nil, "channels come between segments")
        configuration.attach(channels)
    }

    /// Sets the server of the next segment.
    mutating func setServer(runID: String?, redisVersion: String?, masterReplid: String?) {
        source.runID = runID
        source.redisVersion = redisVersion
        source.masterReplid = masterReplid
    }

    /// Whether the open segment is from another server process.
    func isOpen(otherThan runID: String?) -> Bool { segment != nil && runID != source.runID }

    // MARK: - Opening

    /// Starts a segment unless one is open.
    ///
    /// - Returns: the event about a new segment.
    mutating func open(_ now: Moment) throws(CaptureError) -> CaptureEvent? {
        guard segment == nil else { return nil }
        // Segments started in the same millisecond need different names; many in a row would mean that time stands
        // still.
        var stamp = now.realtime
        var created: SegmentFile?
        var name = ""
        for _ in 0..<1_000 where created == nil {
            name = SegmentName.make(channels: configuration.channels, start: stamp)
            created = try createFile(name)
            stamp += 1_000_000
        }
        guard let file = created else {
            throw .system(operation: "create", path: configuration.directory + "/" + name, errno: EEXIST)
        }
        var writer = MCAPWriter(
            header: Header(profile: CaptureMetadata.profile, library: "backplane-relay/\(source.relayVersion)"),
            sync: SyncMarker.random(), compression: configuration.compression)
        writer.encodeStart(metadata: [
            CaptureMetadata.start(
                source: source, recordingID: recordingID, channels: configuration.backplanes, ends: writtenEnds,
                previousSegment: previousSegment, at: now)
        ])
        let opened = OpenSegment(
            file: file, openedAt: now.monotonic, writer: writer, channels: configuration.channels.count)
        do throws(CaptureError) {
            _ = try opened.writeEncoded()
        } catch {
            // It contains nothing of value, and an empty file would only confuse.
            unlink(file.path)
            throw error
        }
        if configuration.durability != .never { CaptureDirectory.sync(configuration.directory) }
        let event = CaptureEvent.segment(name, previous: previousSegment)
        segment = opened
        previousSegment = name
        observer.segmentOpened(path: file.path)
        return event
    }

    private func createFile(_ name: String) throws(CaptureError) -> SegmentFile? {
        let path = configuration.directory + "/" + name
        do {
            return try SegmentFile.create(path: path)
        } catch .system(_, _, ENOENT) {
            // The directory was removed.
            try CaptureDirectory.make(configuration.directory)
            return try SegmentFile.create(path: path)
        }
    }

    // MARK: - Writing

    /// Writes a chunk into the open segment. After an error the segment must be abandoned.
    ///
    /// - Parameter backlog: fill of the queue that supplies envelopes, 0 to 1.
    /// - Returns: for ``committed(_:_:events:ends:at:)``; nil if no segment is open.
    mutating func write(_ chunk: borrowing ChunkBuilder, backlog: Double) throws(CaptureError) -> Written? {
        guard let segment else { return nil }
        let start = Moment.now().monotonic
        let compresses = configuration.compression == .none || choice.compresses(backlog: backlog, at: start)
        segment.writer.encodeChunk(chunk, compressing: compresses)
        let encoded = Moment.now().monotonic
        choice.encoded(
            chunk.byteCount, into: segment.writer.output.count, compressing: compresses, nanoseconds: encoded - start)
        let bytes = try segment.writeEncoded()
        choice.wrote(bytes, nanoseconds: Moment.now().monotonic - encoded)
        return Written(bytes: bytes, isAsConfigured: compresses, startedAt: start)
    }

    /// Accounts for a written chunk and reports it.
    ///
    /// - Parameters:
    ///   - tallies: of the chunk, by channel index.
    ///   - events: the chunk's events about missing ids.
    ///   - ends: including the chunk.
    mutating func committed(
        _ written: Written, _ tallies: [ChannelTally], events: [CaptureEvent], ends: RecordingEnds, at now: Moment
    ) {
        writtenEnds = ends
        segment?.committed(tallies, events: events)
        if !written.isAsConfigured { observer.chunkLeftUncompressed() }
        observer.chunkWritten(
            bytes: written.bytes, envelopes: tallies.reduce(0) { $0 + $1.envelopes },
            payloadBytes: tallies.reduce(0) { $0 + $1.bytes },
            nanoseconds: Moment.now().monotonic - written.startedAt)
        if unsyncedSince == nil { unsyncedSince = now.monotonic }
    }

    /// Forces written data to the disk.
    mutating func sync() throws(CaptureError) {
        unsyncedSince = nil
        guard let segment else { return }
        let start = Moment.now().monotonic
        do throws(CaptureError) {
            try segment.file.sync()
        } catch {
            // After a failed fdatasync the kernel may have dropped the pages: only a new file can be trusted.
            abandon()
            throw error
        }
        let duration = Moment.now().monotonic - start
        choice.wrote(0, nanoseconds: duration)
        observer.synced(nanoseconds: duration)
    }

    // MARK: - Due work

    /// When a sync or a rotation is next due, on the monotonic clock; nil if neither is.
    var nextDeadline: UInt64? { Self.earlier(syncDeadline, rotationDeadline) }

    static func earlier(_ first: UInt64?, _ second: UInt64?) -> UInt64? {
        guard let first, let second else { return first ?? second }
        return min(first, second)
    }

    private var syncDeadline: UInt64? {
        guard let unsyncedSince, case .interval(let interval) = configuration.durability else { return nil }
        return unsyncedSince + interval
    }

    private var rotationDeadline: UInt64? {
        // Nothing is worth a rotation before the first envelope.
        guard let segment, segment.holdsEnvelopes else { return nil }
        let (due, never) = segment.openedAt.addingReportingOverflow(configuration.rotation.segmentDuration)
        return never ? nil : due
    }

    /// Whether the file should be checked by name.
    func isLookDue(_ now: Moment) -> Bool { now.monotonic >= lookedAt + Self.lookInterval }

    func isSyncDue(_ now: Moment) -> Bool { syncDeadline.map { now.monotonic >= $0 } ?? false }

    func isRotationDue(_ now: Moment) -> Bool {
        guard let segment, segment.holdsEnvelopes else { return false }
        let age = now.monotonic > segment.openedAt ? now.monotonic - segment.openedAt : 0
        return configuration.rotation.isDue(
            size: segment.writer.fileSize, indexSize: segment.writer.indexSize, age: age)
    }

    /// Checks that the open segment's file still has what was written; otherwise abandons the segment.
    ///
    /// - Returns: events about the loss.
    mutating func examine(byName: Bool, _ now: Moment) -> [CaptureEvent] {
        guard let segment else { return [] }
        if byName { lookedAt = now.monotonic }
        let cause: SegmentLoss.Cause
        var left: UInt64 = 0
        switch segment.file.standing(expectedSize: segment.writer.fileSize, byName: byName) {
        case .whole: return []
        case .removed: cause = .removed
        case .moved: cause = .moved
        case .cut(let size):
            cause = .truncated
            left = size
        }
        let lost = segment.lost(behind: left)
        if cause == .moved {
            // The file is intact wherever it is, so it gets its summary.
            try? finish(segment, .goesOn, now)
        }
        abandon()
        var events = lost.events
        for (channel, tally) in zip(configuration.channels, lost.envelopes) where tally.envelopes > 0 {
            events += CaptureEvent.lost(channel: channel, tally, cause: cause, segment: segment.file.name)
        }
        observer.segmentLost(SegmentLoss(path: segment.file.path, cause: cause, lost: lost.envelopes))
        return events
    }

    // MARK: - Closing

    /// Closes the open segment with its summary.
    mutating func close(_ ending: SegmentEnding, _ now: Moment) throws(CaptureError) {
        guard let segment else { return }
        do throws(CaptureError) {
            try finish(segment, ending, now)
            if configuration.durability != .never { try sync() }
        } catch {
            abandon()
            throw error
        }
        abandon()
    }

    private func finish(_ segment: OpenSegment, _ ending: SegmentEnding, _ now: Moment) throws(CaptureError) {
        var firstIDs: OrdinalNameMap<UInt64> = [:]
        for (name, id) in zip(configuration.channels, segment.firstIDs) { if let id { firstIDs[name] = id } }
        segment.writer.encodeEnd(metadata: [
            CaptureMetadata.end(
                total: segment.total, firstIDs: firstIDs, ends: writtenEnds, missing: segment.missing,
                missingTruncated: segment.missingTruncated, ending: ending, at: now)
        ])
        _ = try segment.writeEncoded()
    }

    /// Releases a segment that is closed or no longer writable; its data up to the last complete flush stays readable.
    mutating func abandon() {
        guard let path = segment?.file.path else { return }
        segment = nil
        unsyncedSince = nil
        observer.segmentEnded(path: path)
    }
}
