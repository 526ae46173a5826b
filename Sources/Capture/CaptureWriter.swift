package import Backplane
import MCAP
package import Time

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

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
    /// How often the file is checked by name, in nanoseconds.
    static let lookInterval: UInt64 = 1_000_000_000
    static let firstEnvelopeChannel: UInt16 = 1

    private(set) var configuration: Configuration
    let observer: any CaptureWriterObserver
    var source: CaptureSource
    /// Distinguishes segments of this process from those of another; nil in segments of earlier versions.
    var recordingID: String? = String(UInt64.random(in: 0...UInt64.max), radix: 36)

    private var chunkSize: Int
    var chunk = ChunkBuilder()
    private var chunkOpenedAt: UInt64 = 0
    private var chunkTallies: [ChannelTally]
    /// Events in the chunk that are needed to know what is missing: they survive a discarded chunk, and their ranges go
    /// into the end of the segment.
    private var chunkRanges: [CaptureEvent] = []
    private var lastLogTime: UInt64 = 0
    /// By channel index: number of envelopes on a wire without ids; nil if there are ids.
    private var counts: [UInt32?]

    /// Fill of the queue that supplies envelopes, 0 to 1: see ``CompressionChoice``.
    package var backlog = 0.0
    var choice = CompressionChoice()
    var segment: OpenSegment?
    var previousSegment: String?
    /// Up to the last written chunk.
    var writtenEnds: RecordingEnds
    /// Including the chunk in memory.
    private var ends: RecordingEnds
    /// By channel index: envelopes of the chunk already included in ``ends``.
    private var noted: [Int]
    var unsyncedSince: UInt64?
    /// When the open segment's file was last checked by name, on the monotonic clock.
    var lookedAt: UInt64 = 0

    /// - Parameters:
    ///   - previous: the earlier contents of the directory, from ``CaptureDirectory/prepare(_:at:)``.
    ///   - observer: notified of writes, syncs and segments, on the writing thread.
    package init(
        configuration: Configuration, source: CaptureSource, previous: CaptureDirectory.Previous,
        observer: any CaptureWriterObserver
    ) {
        precondition(configuration.channels.count < Int(UInt16.max) - 1)
        self.configuration = configuration
        self.source = source
        self.observer = observer
        chunkSize = Self.chunkSize(channels: configuration.channels.count)
        previousSegment = previous.segment
        let channels = Set(
            configuration.backplanes.filter { $0.dialect == .signalR2 }.map { OrdinalName($0.name) })
        counts = configuration.backplanes.map { $0.dialect == .core ? 0 : nil }
        ends = RecordingEnds(
            lastIDs: previous.lastIDs.filter { channels.contains(OrdinalName($0)) },
            doubts: previous.doubts.filter { channels.contains(OrdinalName($0)) })
        writtenEnds = ends
        noted = Array(repeating: 0, count: configuration.channels.count)
        chunkTallies = Array(repeating: ChannelTally(), count: configuration.channels.count)
        registerChannels()
    }

    private mutating func registerChannels() {
        for channel in mcapChannels {
            chunk.register(channel, schema: channel.schemaID == 0 ? nil : CoreCapture.schema)
        }
    }

    /// Adds channels, after the existing ones in index order.
    ///
    /// - Precondition: the segment is closed, since each says at its start which channels it holds.
    package mutating func attach(_ channels: [BackplaneChannel]) {
        precondition(segment == nil && chunk.isEmpty, "channels come between segments")
        configuration.attach(channels)
        chunkSize = Self.chunkSize(channels: configuration.channels.count)
        counts += channels.map { $0.dialect == .core ? 0 : nil }
        noted += Array(repeating: 0, count: channels.count)
        chunkTallies += Array(repeating: ChannelTally(), count: channels.count)
        chunk = ChunkBuilder()
        registerChannels()
    }

    var eventsChannel: UInt16 { Self.firstEnvelopeChannel + UInt16(configuration.channels.count) }

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
        // Never backwards: readers expect log_time to ascend. A clock step is an event of its own.
        if receivedAt > lastLogTime { lastLogTime = receivedAt }
        var sequence = UInt32(truncatingIfNeeded: id ?? 0)
        if id == nil, let count = counts[channel] {
            sequence = count &+ 1
            counts[channel] = sequence
        }
        chunk.append(
            channelID: Self.firstEnvelopeChannel &+ UInt16(truncatingIfNeeded: channel), sequence: sequence,
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
            ends.recorded(configuration.channels[index], id: id)
        }
    }

    // MARK: - Writing to the disk

    /// When ``tick(_:)`` is next due, on the monotonic clock; nil if nothing is pending.
    package var nextDeadline: UInt64? {
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

    /// Age of the open segment, if it contains anything worth a rotation.
    var segmentAge: UInt64? {
        guard let segment, segment.holdsEnvelopes else { return nil }
        return segment.openedAt
    }

    /// Performs due work: flushes an aged chunk, syncs, starts a new segment.
    package mutating func tick(_ now: Moment) throws(CaptureError) {
        if now.monotonic >= lookedAt + Self.lookInterval { examineFile(byName: true, now) }
        if !chunk.isEmpty, now.monotonic >= chunkOpenedAt + Self.chunkAge { try flush(now) }
        if case .interval(let interval) = configuration.durability, let since = unsyncedSince,
            now.monotonic >= since + interval
        {
            try sync()
        }
        try rotateIfDue(now)
    }

    /// Writes the chunk, if not empty, into the open segment or a new one.
    package mutating func flush(_ now: Moment) throws(CaptureError) {
        guard !chunk.isEmpty else { return }
        examineFile(byName: false, now)
        let segment = try openedSegment(now)
        let start = Moment.now().monotonic
        let written: Int
        let compresses: Bool
        do throws(CaptureError) {
            compresses = encodeChunk(into: segment, at: start)
            let encoded = Moment.now().monotonic
            written = try segment.writeEncoded()
            choice.wrote(written, nanoseconds: Moment.now().monotonic - encoded)
        } catch {
            examineFile(byName: true, now)
            abandonSegment()
            throw error
        }
        noteChunk()
        writtenEnds = ends
        segment.committed(chunkTallies, events: chunkRanges)
        var total = ChannelTally()
        for index in chunkTallies.indices where chunkTallies[index].envelopes > 0 {
            total.envelopes += chunkTallies[index].envelopes
            total.bytes += chunkTallies[index].bytes
            chunkTallies[index] = ChannelTally()
            noted[index] = 0
        }
        chunkRanges.removeAll()
        chunk.reset()
        if !compresses { observer.chunkLeftUncompressed() }
        observer.chunkWritten(
            bytes: written, envelopes: total.envelopes, payloadBytes: total.bytes,
            nanoseconds: Moment.now().monotonic - start)
        if unsyncedSince == nil { unsyncedSince = now.monotonic }
        if configuration.durability == .eachFlush { try sync() }
        try rotateIfDue(now)
    }

    /// - Returns: whether the chunk was compressed, if compression is on.
    private mutating func encodeChunk(into segment: OpenSegment, at start: UInt64) -> Bool {
        let compresses = configuration.compression == .none || choice.compresses(backlog: backlog, at: start)
        segment.writer.encodeChunk(chunk, compressing: compresses)
        choice.encoded(
            chunk.byteCount, into: segment.writer.output.count, compressing: compresses,
            nanoseconds: Moment.now().monotonic - start)
        return compresses
    }

    /// After a failure: starts a new segment if none is open, and writes the chunk into it.
    package mutating func reopen(_ now: Moment) throws(CaptureError) {
        _ = try openedSegment(now)
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

    /// Forces written data to the disk.
    mutating func sync() throws(CaptureError) {
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
        let duration = Moment.now().monotonic - start
        choice.wrote(0, nanoseconds: duration)
        observer.synced(nanoseconds: duration)
    }

    /// Writes pending data and forces it to the disk, regardless of the durability setting.
    package mutating func flushNow(_ now: Moment) throws(CaptureError) {
        try flush(now)
        try sync()
    }
}
