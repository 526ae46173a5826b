package import Backplane
import MCAP
package import Time

/// Writes a capture: envelopes into a chunk, chunks into the open segment, segment after segment.
///
/// Not thread-safe. ``append(channel:id:publishTime:receivedAt:payload:)`` is the hot path: it copies into memory and
/// cannot fail. ``flush(_:)`` can fail; the chunk is kept then: the next ``flush(_:)`` writes it into a new segment, or
/// ``discardChunk()`` drops it and returns what was lost.
package struct CaptureWriter: ~Copyable {
    /// A chunk is flushed when its records reach this many bytes; a larger message gets its own chunk. The limit grows
    /// with the number of channels, up to 1 MiB, because a chunk names each of its channels three times.
    static func chunkSize(channels: Int) -> Int {
        min(max(256 * 1024, channels * 1024), 1 << 20)
    }
    /// A chunk is flushed at this age, in nanoseconds: 200 ms are promised, the rest is for compression and writing.
    static let chunkAge: UInt64 = 150_000_000

    /// The disk side. Not private for tests only.
    var segments: SegmentWriter
    private var chunkSize: Int
    private(set) var chunk = ChunkBuilder()
    private var chunkOpenedAt: UInt64 = 0
    private var chunkTallies: [ChannelTally]
    /// Events in the chunk that are needed to know what is missing: they survive a discarded chunk, and their ranges go
    /// into the end of the segment.
    private var chunkRanges: [CaptureEvent] = []
    private var lastLogTime: UInt64 = 0
    /// By channel index: number of envelopes on a wire without ids; nil if there are ids.
    private var counts: [UInt32?]
    private var eventsChannel: UInt16
    /// Including the chunk in memory.
    private var ends: RecordingEnds
    /// By channel index: envelopes of the chunk already included in ``ends``.
    private var noted: [Int]

    /// Fill of the queue that supplies envelopes, 0 to 1: see ``CompressionChoice``.
    package var backlog = 0.0

    /// - Parameters:
    ///   - previous: the earlier contents of the directory, from ``CaptureDirectory/prepare(_:at:)``.
    ///   - observer: notified of writes, syncs and segments, on the writing thread.
    package init(
        configuration: Configuration, source: CaptureSource, previous: CaptureDirectory.Previous,
        observer: any CaptureWriterObserver
    ) {
        precondition(configuration.channels.count < Int(UInt16.max) - 1)
        chunkSize = Self.chunkSize(channels: configuration.channels.count)
        let channels = Set(
            configuration.backplanes.filter { $0.dialect == .signalR2 }.map { OrdinalName($0.name) })
        counts = configuration.backplanes.map { $0.dialect == .core ? 0 : nil }
        eventsChannel = configuration.eventsChannel
        ends = RecordingEnds(
            lastIDs: previous.lastIDs.filter { channels.contains(OrdinalName($0)) },
            doubts: previous.doubts.filter { channels.contains(OrdinalName($0)) })
        noted = Array(repeating: 0, count: configuration.channels.count)
        chunkTallies = Array(repeating: ChannelTally(), count: configuration.channels.count)
        segments = SegmentWriter(
            configuration: configuration, source: source, ends: ends, previousSegment: previous.segment,
            observer: observer)
        registerChannels()
    }

    private mutating func registerChannels() {
        for channel in segments.configuration.mcapChannels {
            chunk.register(channel, schema: channel.schemaID == 0 ? nil : CoreCapture.schema)
        }
    }

    /// Adds channels, after the existing ones in index order.
    ///
    /// - Precondition: the segment is closed, since each says at its start which channels it holds.
    package mutating func attach(_ channels: [BackplaneChannel]) {
        precondition(chunk.isEmpty, "channels come between segments")
        segments.attach(channels)
        chunkSize = Self.chunkSize(channels: segments.configuration.channels.count)
        eventsChannel = segments.configuration.eventsChannel
        counts += channels.map { $0.dialect == .core ? 0 : nil }
        noted += Array(repeating: 0, count: channels.count)
        chunkTallies += Array(repeating: ChannelTally(), count: channels.count)
        chunk = ChunkBuilder()
        registerChannels()
    }

    // MARK: - Filling the chunk

    /// True if the chunk should be flushed before a payload of this size is appended.
    @inline(__always)
    package func wantsFlush(beforePayloadOf count: Int) -> Bool {
        !chunk.isEmpty && chunk.byteCount + count > chunkSize
    }

    /// One envelope, byte for byte.
    ///
    /// - Parameters:
    ///   - channel: index of the event key or hub.
    ///   - id: nil if the payload has none.
    ///   - publishTime: the publisher's clock, nanoseconds since 1970; nil if the payload has none.
    ///   - payload: as published; for a hub of ASP.NET Core a ``CoreRecord`` header followed by the payload.
    ///   - now: the time of the call, from which the chunk's age is measured.
    @inline(__always)
    package mutating func append(
        channel: Int, id: UInt64?, publishTime: UInt64?, receivedAt: UInt64, payload: UnsafeRawBufferPointer,
        at now: Moment
    ) {
        if chunk.isEmpty { chunkOpenedAt = now.monotonic }
        // Never backwards: readers expect log_time to ascend. A clock step is recorded as an event.
        if receivedAt > lastLogTime { lastLogTime = receivedAt }
        var sequence = UInt32(truncatingIfNeeded: id ?? 0)
        if id == nil, let count = counts[channel] {
            sequence = count &+ 1
            counts[channel] = sequence
        }
        chunk.append(
            channelID: Configuration.firstEnvelopeChannel &+ UInt16(truncatingIfNeeded: channel), sequence: sequence,
            logTime: lastLogTime,
            publishTime: publishTime ?? lastLogTime, data: payload)
        chunkTallies[channel].add(id: id, bytes: payload.count)
    }

    /// The next id of this channel is not contiguous, so that losses can be named exactly.
    package mutating func sequenceBroke(channel: Int) {
        chunkTallies[channel].breakRun()
    }

    /// Appends an event about the recording.
    package mutating func append(_ event: CaptureEvent, at now: Moment) {
        if chunk.isEmpty { chunkOpenedAt = now.monotonic }
        if now.realtime > lastLogTime { lastLogTime = now.realtime }
        if event.namesMissingIDs || event.event == "counter_reset" || event.event == CaptureEvent.mayBeMissingName {
            chunkRanges.append(event)
        }
        noteChunk()
        ends.note(event)
        let json = event.json()
        json.withUnsafeBytes {
            chunk.append(
                channelID: eventsChannel, sequence: 0, logTime: lastLogTime, publishTime: lastLogTime, data: $0)
        }
    }

    /// Adds the chunk's envelopes to ``ends`` before an event, because the order matters.
    private mutating func noteChunk() {
        for index in chunkTallies.indices where chunkTallies[index].envelopes > noted[index] {
            noted[index] = chunkTallies[index].envelopes
            guard let id = chunkTallies[index].lastID else { continue }
            ends.recorded(segments.configuration.channels[index], id: id)
        }
    }

    // MARK: - Writing to the disk

    /// When ``tick(_:)`` is next due, on the monotonic clock; nil if nothing is pending.
    package var nextDeadline: UInt64? {
        SegmentWriter.earlier(chunk.isEmpty ? nil : chunkOpenedAt + Self.chunkAge, segments.nextDeadline)
    }

    /// Performs due work: flushes an aged chunk, syncs, starts a new segment.
    package mutating func tick(_ now: Moment) throws(CaptureError) {
        if segments.isLookDue(now) { examineFile(byName: true, now) }
        if !chunk.isEmpty, now.monotonic >= chunkOpenedAt + Self.chunkAge { try flush(now) }
        if segments.isSyncDue(now) { try segments.sync() }
        try rotateIfDue(now)
    }

    /// Writes the chunk, if not empty, into the open segment or a new one.
    package mutating func flush(_ now: Moment) throws(CaptureError) {
        guard !chunk.isEmpty else { return }
        examineFile(byName: false, now)
        try openSegment(now)
        let written: SegmentWriter.Written?
        do throws(CaptureError) {
            written = try segments.write(chunk, backlog: backlog)
        } catch {
            examineFile(byName: true, now)
            segments.abandon()
            throw error
        }
        guard let written else { return }
        noteChunk()
        segments.committed(written, chunkTallies, events: chunkRanges, ends: ends, at: now)
        chunk.reset()
        chunkRanges.removeAll()
        for index in chunkTallies.indices where chunkTallies[index].envelopes > 0 {
            chunkTallies[index] = ChannelTally()
            noted[index] = 0
        }
        if segments.configuration.durability == .eachFlush { try segments.sync() }
        try rotateIfDue(now)
    }

    private mutating func examineFile(byName: Bool, _ now: Moment) {
        for event in segments.examine(byName: byName, now) { append(event, at: now) }
    }

    private mutating func openSegment(_ now: Moment) throws(CaptureError) {
        if let event = try segments.open(now) { append(event, at: now) }
    }

    private mutating func rotateIfDue(_ now: Moment) throws(CaptureError) {
        guard segments.isRotationDue(now) else { return }
        // A flush returns here with an empty chunk.
        guard chunk.isEmpty else { return try flush(now) }
        try segments.close(.goesOn, now)
        try openSegment(now)
    }

    /// After a failure: starts a new segment if none is open, and writes the chunk into it.
    package mutating func reopen(_ now: Moment) throws(CaptureError) {
        try openSegment(now)
        try flush(now)
    }

    /// Discards a chunk that could not be written.
    ///
    /// - Returns: what is lost, by channel index, and the chunk's events about missing ids, which must be kept.
    package mutating func discardChunk() -> (lost: [ChannelTally], missing: [CaptureEvent]) {
        defer {
            chunk.reset()
            chunkRanges.removeAll()
            for index in chunkTallies.indices {
                chunkTallies[index] = ChannelTally()
                noted[index] = 0
            }
        }
        return (chunkTallies, chunkRanges)
    }

    /// Writes pending data and forces it to the disk, regardless of the durability setting.
    package mutating func flushNow(_ now: Moment) throws(CaptureError) {
        try flush(now)
        try segments.sync()
    }

    // MARK: - Segments

    /// Sets the server of the next segment, while none is open.
    package mutating func setServer(runID: String?, redisVersion: String?, masterReplid: String? = nil) {
        segments.setServer(runID: runID, redisVersion: redisVersion, masterReplid: masterReplid)
    }

    /// The server was (re)connected. A different run_id starts a new segment, so that each segment is from one server
    /// process.
    package mutating func connected(
        runID: String?, redisVersion: String?, masterReplid: String? = nil, at now: Moment
    ) throws(CaptureError) {
        if segments.isOpen(otherThan: runID) {
            try flush(now)
            try segments.close(.goesOn, now)
        }
        segments.setServer(runID: runID, redisVersion: redisVersion, masterReplid: masterReplid)
        try openSegment(now)
    }

    /// Closes the open segment and starts the next one.
    package mutating func rotateNow(_ now: Moment) throws(CaptureError) {
        try close(now, .goesOn)
        try openSegment(now)
    }

    /// Flushes and closes. The writer can be used again and then starts a new segment.
    ///
    /// - Parameter ending: recorded in the segment.
    package mutating func close(
        _ now: Moment, _ ending: SegmentEnding = .stopped(checkedIDs: [:])
    ) throws(CaptureError) {
        try flush(now)
        examineFile(byName: true, now)
        // A loss found now is recorded in a new segment.
        try flush(now)
        try segments.close(ending, now)
    }
}
