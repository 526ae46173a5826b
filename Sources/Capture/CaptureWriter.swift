public import MCAP

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// Writes a capture: envelopes into a chunk, chunks into the open segment, segment after segment.
///
/// One thread's. ``append(channel:id:publishTime:receivedAt:payload:)`` is the hot path: it copies into memory and
/// cannot fail. ``flush(_:)`` writes and can; after it threw nothing is lost yet: the chunk is still there and the next
/// ``flush(_:)`` writes it into a new segment, or ``discardChunk()`` gives it up and says what that was.
public struct CaptureWriter: ~Copyable {
    public struct Configuration: Sendable {
        /// The record directory; made with mode 0700 if it does not exist.
        public var directory: String
        /// The Redis channels, in the order of their indexes.
        public var channels: [String]
        public var compression: Compression
        public var rotation: RotationPolicy
        public var durability: Durability

        public init(
            directory: String, channels: [String], compression: Compression = .zstd(level: 1),
            rotation: RotationPolicy = RotationPolicy(),
            durability: Durability = .interval(nanoseconds: 1_000_000_000)
        ) {
            self.directory = directory
            self.channels = channels
            self.compression = compression
            self.rotation = rotation
            self.durability = durability
        }
    }

    /// A chunk closes when its records reach this many bytes; a larger message is a chunk of its own.
    static let chunkSize = 256 * 1024
    /// A chunk closes at this age, in nanoseconds: 200 ms are promised, the rest is for compressing and writing.
    static let chunkAge: UInt64 = 150_000_000
    static let firstEnvelopeChannel: UInt16 = 1

    private let configuration: Configuration
    private let observer: any CaptureWriterObserver
    private var source: CaptureSource

    private var chunk = ChunkBuilder()
    private var chunkOpenedAt: UInt64 = 0
    private var chunkTallies: [ChannelTally]
    /// Events in the chunk that say what is missing: for the end of the segment that the chunk gets into.
    private var chunkRanges: [CaptureEvent] = []
    private var lastLogTime: UInt64 = 0

    private var segment: OpenSegment?
    private var previousSegment: String?
    /// Last id written, by channel index.
    private var lastIDs: [UInt64?]
    private var unsyncedSince: UInt64?

    /// - Parameters:
    ///   - previous: what the directory held before; from ``CaptureDirectory/prepare(_:at:)``.
    ///   - observer: told of writes, syncs and segments, on the writing thread.
    public init(
        configuration: Configuration, source: CaptureSource, previous: CaptureDirectory.Previous,
        observer: any CaptureWriterObserver
    ) {
        precondition(!configuration.channels.isEmpty && configuration.channels.count < Int(UInt16.max) - 1)
        self.configuration = configuration
        self.source = source
        self.observer = observer
        previousSegment = previous.segment
        lastIDs = configuration.channels.map { previous.lastIDs[$0] }
        chunkTallies = Array(repeating: ChannelTally(), count: configuration.channels.count)
        for channel in mcapChannels { chunk.register(channel) }
    }

    private var eventsChannel: UInt16 { Self.firstEnvelopeChannel + UInt16(configuration.channels.count) }

    private var mcapChannels: [Channel] {
        let envelopes = configuration.channels.enumerated().map { index, name in
            Channel(
                id: Self.firstEnvelopeChannel + UInt16(index), topic: name,
                messageEncoding: CaptureMetadata.envelopeEncoding)
        }
        return envelopes + [
            Channel(
                id: eventsChannel, topic: CaptureMetadata.eventsTopic,
                messageEncoding: CaptureMetadata.eventsEncoding)
        ]
    }

    // MARK: - Into the chunk

    /// True if the chunk should be flushed before a payload of this size is appended.
    @inline(__always)
    public func wantsFlush(beforePayloadOf count: Int) -> Bool {
        !chunk.isEmpty && chunk.byteCount + count > Self.chunkSize
    }

    /// One envelope, byte for byte.
    ///
    /// - Parameters:
    ///   - channel: index of the Redis channel.
    ///   - id: nil if the payload has none.
    ///   - publishTime: the publisher's clock, nanoseconds since 1970; nil if the payload does not say.
    ///   - now: the time of the call, from which the chunk's age counts.
    @inline(__always)
    public mutating func append(
        channel: Int, id: UInt64?, publishTime: UInt64?, receivedAt: UInt64, payload: UnsafeRawBufferPointer,
        at now: Moment
    ) {
        if chunk.isEmpty { chunkOpenedAt = now.monotonic }
        // Never back: readers take log_time for ascending. A step of the clock is an event of its own.
        if receivedAt > lastLogTime { lastLogTime = receivedAt }
        chunk.append(
            channelID: Self.firstEnvelopeChannel &+ UInt16(truncatingIfNeeded: channel),
            sequence: UInt32(truncatingIfNeeded: id ?? 0), logTime: lastLogTime,
            publishTime: publishTime ?? lastLogTime, data: payload)
        chunkTallies[channel].add(id: id, bytes: payload.count)
    }

    /// Something that happened to the recording.
    public mutating func append(_ event: CaptureEvent, at now: Moment) {
        if chunk.isEmpty { chunkOpenedAt = now.monotonic }
        if now.realtime > lastLogTime { lastLogTime = now.realtime }
        if event.namesMissingIDs { chunkRanges.append(event) }
        let json = event.json()
        json.withUnsafeBytes {
            chunk.append(
                channelID: eventsChannel, sequence: 0, logTime: lastLogTime, publishTime: lastLogTime, data: $0)
        }
    }

    // MARK: - Onto the disk

    /// When ``tick(_:)`` has something to do next, on the monotonic clock; nil if nothing is pending.
    public var nextDeadline: UInt64? {
        var deadline: UInt64?
        func consider(_ moment: UInt64) { deadline = min(deadline ?? moment, moment) }
        if !chunk.isEmpty { consider(chunkOpenedAt + Self.chunkAge) }
        if let unsyncedSince, case .interval(let interval) = configuration.durability {
            consider(unsyncedSince + interval)
        }
        if let openedAt = segmentAge {
            let (due, never) = openedAt.addingReportingOverflow(configuration.rotation.segmentDuration)
            if !never { consider(due) }
        }
        return deadline
    }

    /// When the open segment was begun, if it holds anything that is worth a rotation.
    private var segmentAge: UInt64? {
        guard let segment, segment.holdsEnvelopes else { return nil }
        return segment.openedAt
    }

    /// Does what is due: flushes an aged chunk, forces data to the disk, begins a new segment.
    public mutating func tick(_ now: Moment) throws(CaptureError) {
        if !chunk.isEmpty, now.monotonic >= chunkOpenedAt + Self.chunkAge { try flush(now) }
        if case .interval(let interval) = configuration.durability, let since = unsyncedSince,
            now.monotonic >= since + interval
        {
            try sync()
        }
        try rotateIfDue(now)
    }

    /// Writes the chunk, if it holds anything, into the open segment or a new one.
    public mutating func flush(_ now: Moment) throws(CaptureError) {
        guard !chunk.isEmpty else { return }
        let segment = try openedSegment(now)
        let start = Moment.now().monotonic
        let written: Int
        do throws(CaptureError) {
            segment.writer.encodeChunk(chunk)
            written = try segment.writeEncoded()
        } catch {
            abandonSegment()
            throw error
        }
        var total = ChannelTally()
        for index in chunkTallies.indices where chunkTallies[index].envelopes > 0 {
            segment.tallies[index].add(chunkTallies[index])
            total.add(chunkTallies[index])
            lastIDs[index] = chunkTallies[index].lastID ?? lastIDs[index]
            chunkTallies[index] = ChannelTally()
        }
        for event in chunkRanges { segment.note(event) }
        chunkRanges.removeAll()
        chunk.reset()
        observer.chunkWritten(
            bytes: written, envelopes: total.envelopes, payloadBytes: total.bytes,
            nanoseconds: Moment.now().monotonic - start)
        if unsyncedSince == nil { unsyncedSince = now.monotonic }
        if configuration.durability == .eachFlush { try sync() }
        try rotateIfDue(now)
    }

    /// After a failure: begins a new segment and writes the chunk into it, if there is none open.
    public mutating func reopen(_ now: Moment) throws(CaptureError) {
        _ = try openedSegment(now)
        try flush(now)
    }

    /// Gives up the chunk that could not be written.
    ///
    /// - Returns: what is lost, by channel index, and the events among it that say what is missing: they must not be.
    public mutating func discardChunk() -> (lost: [ChannelTally], missing: [CaptureEvent]) {
        defer {
            chunk.reset()
            chunkRanges.removeAll()
            for index in chunkTallies.indices { chunkTallies[index] = ChannelTally() }
        }
        return (chunkTallies, chunkRanges)
    }

    /// Forces what was written to the disk.
    private mutating func sync() throws(CaptureError) {
        unsyncedSince = nil
        guard let segment else { return }
        let start = Moment.now().monotonic
        do throws(CaptureError) {
            try segment.file.sync()
        } catch {
            // After a failed fdatasync the kernel may have dropped the pages: only a new file can be trusted.
            abandonSegment()
            throw error
        }
        observer.synced(nanoseconds: Moment.now().monotonic - start)
    }

    // MARK: - Segments

    /// The server was (re)connected. Another run_id begins a new segment, so that each is of one server process.
    public mutating func connected(runID: String?, redisVersion: String?, at now: Moment) throws(CaptureError) {
        if runID != source.runID, segment != nil {
            try flush(now)
            try closeSegment(now)
        }
        source.runID = runID
        source.redisVersion = redisVersion
        _ = try openedSegment(now)
    }

    private mutating func rotateIfDue(_ now: Moment) throws(CaptureError) {
        guard let segment, let openedAt = segmentAge else { return }
        let age = now.monotonic > openedAt ? now.monotonic - openedAt : 0
        guard configuration.rotation.isDue(size: segment.writer.fileSize, age: age) else { return }
        // A flush comes back here with an empty chunk.
        guard chunk.isEmpty else { return try flush(now) }
        try closeSegment(now)
        _ = try openedSegment(now)
    }

    private mutating func openedSegment(_ now: Moment) throws(CaptureError) -> OpenSegment {
        if let segment { return segment }
        return try openSegment(now)
    }

    private mutating func openSegment(_ now: Moment) throws(CaptureError) -> OpenSegment {
        // Two segments begun in one millisecond get two names; more than a few would mean that time stands still.
        var stamp = now.realtime
        var created: SegmentFile?
        var name = ""
        for _ in 0..<1_000 where created == nil {
            name = SegmentName.make(channels: configuration.channels, start: stamp)
            created = try SegmentFile.create(path: configuration.directory + "/" + name)
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
                source: source, channels: configuration.channels, lastIDs: lastIDsByName,
                previousSegment: previousSegment, at: now)
        ])
        let opened = OpenSegment(
            file: file, openedAt: now.monotonic, writer: writer, channels: configuration.channels.count)
        do throws(CaptureError) {
            _ = try opened.writeEncoded()
        } catch {
            // Nothing of value is in it: an empty file would only confuse.
            unlink(file.path)
            throw error
        }
        if configuration.durability != .never { CaptureDirectory.sync(configuration.directory) }
        let previous = previousSegment
        segment = opened
        previousSegment = name
        observer.segmentOpened(path: file.path)
        append(.segment(name, previous: previous), at: now)
        return opened
    }

    /// Closes the open segment with its summary.
    private mutating func closeSegment(_ now: Moment) throws(CaptureError) {
        guard let closing = segment else { return }
        do throws(CaptureError) {
            closing.writer.encodeEnd(metadata: [
                CaptureMetadata.end(
                    total: closing.total, lastIDs: lastIDsByName, missing: closing.missing,
                    missingTruncated: closing.missingTruncated, at: now)
            ])
            _ = try closing.writeEncoded()
            if configuration.durability != .never { try sync() }
        } catch {
            abandonSegment()
            throw error
        }
        segment = nil
        unsyncedSince = nil
    }

    /// Lets go of a segment that cannot be written any more; what it holds up to the last whole flush stays readable.
    private mutating func abandonSegment() {
        segment = nil
        unsyncedSince = nil
    }

    /// Flushes and closes. The writer can be used again after it: a new segment then begins.
    public mutating func close(_ now: Moment) throws(CaptureError) {
        try flush(now)
        try closeSegment(now)
    }

    private var lastIDsByName: [String: UInt64] {
        var ids: [String: UInt64] = [:]
        for (name, id) in zip(configuration.channels, lastIDs) { ids[name] = id }
        return ids
    }
}
