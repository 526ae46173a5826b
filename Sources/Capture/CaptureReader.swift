import Backplane
import MCAP

/// Thrown by the caller's closure to stop reading; the report then covers what was read so far.
package struct CaptureReadingEnd: Error {
    /// Carries nothing: the reason is the caller's.
    package init() {}
}

/// Reads a capture segment by segment in order of time, in constant memory; also while it is being recorded.
///
/// Damage does not stop the reading: intact data is handed out, the rest is in the report.
package struct CaptureReader: Sendable {
    static let listedLosses = 1_000

    /// Parallel recordings; a single one if none overlaps another. Segments are in recording order.
    package let recordings: [[CaptureSegment]]

    /// The files, recording by recording, in the order of time.
    package var segments: [CaptureSegment] { recordings.flatMap { $0 } }

    /// Maximum difference between the clocks of parallel recordings, in nanoseconds.
    let horizon: UInt64

    /// - Parameters:
    ///   - paths: directories with segments, segment files, or pipes; "-" is standard input.
    ///   - streams: how to handle pipes.
    ///   - horizon: maximum difference between the clocks of machines that recorded in parallel, in nanoseconds.
    /// - Throws: ``CaptureError``, also for input without any MCAP data.
    package init(
        paths: [String], streams: StreamHandling = .read, horizon: UInt64 = CaptureAlignment.defaultHorizon
    ) throws(CaptureError) {
        var segments: [CaptureSegment] = []
        for path in paths {
            switch (try CaptureInput(path), streams) {
            case (.directory(let path), _):
                for file in try CaptureDirectory.segmentFiles(in: path) {
                    segments.append(try CaptureSegment(path: file))
                }
            case (.file(let path), _): segments.append(try CaptureSegment(path: path, isNamed: true))
            case (.stream(let stream), .read): segments.append(try CaptureSegment(stream: stream))
            case (.stream(let stream), .spool): segments.append(try CaptureSegment(spooling: stream))
            case (.stream(let stream), .refuse): throw .needsFile(path: stream.name)
            }
        }
        recordings = Recordings(segments).all
        self.horizon = horizon
    }

    /// Bytes of all files, without streams.
    package var size: UInt64 { segments.reduce(0) { $0 + $1.size } }

    /// True if part of it comes through a pipe: it can be read once, and its size is unknown.
    package var isStreamed: Bool { segments.contains { $0.stream != nil } }

    /// Bytes of all files; nil if unknown.
    package var knownSize: UInt64? { isStreamed ? nil : size }

    /// Where the segments were recorded, without duplicates.
    package func sources() -> [CaptureSource] {
        var sources: [CaptureSource] = []
        for segment in segments {
            if let source = segment.source, !sources.contains(source) { sources.append(source) }
        }
        return sources
    }

    /// Hands out every selected envelope, and every event of the same channels and times, in recording order.
    ///
    /// If time or channel is selected, only chunks that can match are read; damage elsewhere goes unnoticed. Parallel
    /// recordings are handed out once, in the order of ids.
    ///
    /// - Parameter progress: receives the progress after each chunk.
    /// - Throws: ``CaptureError`` if a file cannot be read at all; errors of `body` except ``CaptureReadingEnd``.
    @discardableResult
    package func forEach(
        _ selection: CaptureSelection = .all, _ body: (CaptureItem) throws -> Void,
        progress: ((CaptureProgress) -> Void)? = nil
    ) throws -> CaptureReadReport {
        if recordings.count > 1 { return try forEachOnce(selection, body, progress: progress) }
        var report = CaptureReadReport()
        let wanted = Wanted(selection: selection, matcher: EnvelopeMatcher(selection))
        var position = CaptureProgress(total: size)
        for segment in segments {
            let start = position.done
            let chunkDone = progress.map { progress in
                { (offset: UInt64) in
                    position.done = min(start + offset, position.total)
                    progress(position)
                }
            }
            do {
                if selection.canSkipChunks, segment.stream == nil {
                    try seek(segment, wanted, &report, body, chunkDone)
                } else {
                    try stream(segment, wanted, &report, body, chunkDone)
                }
            } catch is CaptureReadingEnd {
                return report
            }
            position.done = start + segment.size
            progress?(position)
        }
        return report
    }

    private struct Wanted {
        let selection: CaptureSelection
        let matcher: EnvelopeMatcher
    }

    // MARK: - One segment

    /// Reads from start to end and checks everything.
    private func stream(
        _ segment: CaptureSegment, _ wanted: Wanted, _ report: inout CaptureReadReport,
        _ body: (CaptureItem) throws -> Void, _ chunkDone: ((_ offset: UInt64) -> Void)?
    ) throws {
        let (source, isLive) = try segment.open()
        let reader = ChunkReadAhead(MCAPStreamReader(source, tailMayGrow: isLive))
        var entry = CaptureReadReport.Segment(path: segment.path, size: source.size, state: .closed)
        entry.channels = segment.channels
        report.account.segmentBegan(of: segment.channels)
        defer {
            let (damages, _) = reader.stop()
            if source.isStream { entry.size = source.size }
            report.segments.append(entry)
            report.damage += damages.map { CaptureReadReport.SegmentDamage(path: segment.path, damage: $0) }
        }
        while let item = try reader.next() {
            switch item {
            case .header: break
            case .metadata(let metadata):
                if metadata.name == CaptureMetadata.endName {
                    entry.ending = CaptureMetadata.ending(in: metadata.entries)
                } else if metadata.name == CaptureMetadata.startName {
                    // Nothing was known of a stream before; it may contain several files, one after the other.
                    entry.channels = CaptureMetadata.channels(in: metadata.entries)
                    report.account.segmentBegan(of: entry.channels)
                }
            case .chunk(let chunk):
                entry.envelopes += try handOut(chunk, wanted.matcher, &report, body)
                chunkDone?(chunk.offset + chunk.length)
            case .end(let ending):
                entry.state = CaptureReadReport.Segment.State(ending, isLive: isLive)
                if source.isStream, !reader.stop().foundAnything {
                    throw ForeignBytes.error(segment.stream?.beginning ?? [], path: segment.path)
                }
                report.account.segmentEnded(entry)
            }
        }
    }

    /// Reads only matching chunks if there is a summary, else all.
    private func seek(
        _ segment: CaptureSegment, _ wanted: Wanted, _ report: inout CaptureReadReport,
        _ body: (CaptureItem) throws -> Void, _ chunkDone: ((_ offset: UInt64) -> Void)?
    ) throws {
        let source = try segment.openFile()
        let reader: MCAPIndexedReader
        do {
            reader = try MCAPIndexedReader(source, from: wanted.selection.from, until: wanted.selection.until)
        } catch is NoSummary {
            return try stream(segment, wanted, &report, body, chunkDone)
        } catch is Damage {
            return try stream(segment, wanted, &report, body, chunkDone)
        }
        var entry = CaptureReadReport.Segment(path: segment.path, size: source.size, state: .closed)
        entry.channels = segment.channels
        report.account.segmentBegan(of: segment.channels)
        defer { report.segments.append(entry) }
        let names = wanted.selection.channels
        let channels = Set(
            reader.channels.values
                .filter { names.contains(OrdinalName($0.topic)) || $0.topic == CaptureMetadata.eventsTopic }.map(\.id))
        for index in reader.chunks(channelIDs: names.isEmpty ? nil : channels) {
            do {
                entry.envelopes += try handOut(try reader.read(index), wanted.matcher, &report, body)
                chunkDone?(index.offset + index.length)
            } catch let damage as Damage {
                report.damage.append(CaptureReadReport.SegmentDamage(path: segment.path, damage: damage))
            }
        }
        let end = reader.metadataIndexes.last { $0.name == CaptureMetadata.endName }
        entry.ending = end.flatMap { try? reader.read($0) }.flatMap { CaptureMetadata.ending(in: $0.entries) }
        report.account.segmentEnded(entry)
    }

    /// - Returns: the number of envelopes handed out.
    private func handOut(
        _ chunk: DecodedChunk, _ matcher: EnvelopeMatcher, _ report: inout CaptureReadReport,
        _ body: (CaptureItem) throws -> Void
    ) throws -> Int {
        var count = 0
        var lookup = TopicLookup(chunk.channels, matcher)
        var latest = LatestPayloads()
        try chunk.forEachMessage { (message: ChunkMessage) throws in
            guard matcher.selects(receivedAt: message.logTime) else { return }
            switch lookup.topic(of: message.channelID) {
            case .envelopes(let name, let form):
                if form == .signalR2 {
                    latest.note(message.data, channelID: message.channelID)
                } else {
                    report.account.noteWireWithoutIDs()
                }
                guard matcher.selects(payload: message.data, form) else { return }
                count += 1
                try body(
                    .envelope(
                        CapturedEnvelope(
                            channel: name, form: form, receivedAt: message.logTime, payload: message.data)))
            case .events:
                guard let event = CaptureEvent(json: message.data) else { return }
                if let channel = event.channel, !matcher.selects(channel: channel) { return }
                latest.tell(&report.account, chunk.channels)
                report.account.note(event)
                if event.isLoss, report.losses.count < Self.listedLosses { report.losses.append(event) }
                try body(.event(event, at: message.logTime))
            case .foreign(let topic):
                report.countForeign(topic)
            case .unwanted:
                break
            }
        }
        latest.tell(&report.account, chunk.channels)
        return count
    }
}

/// Progress of reading, in bytes of the files. Skipped bytes count as read.
package struct CaptureProgress: Sendable, Equatable {
    /// Bytes that are read.
    package internal(set) var done: UInt64
    /// Bytes of all files.
    package let total: UInt64

    /// - Parameter total: bytes of all files.
    package init(done: UInt64 = 0, total: UInt64) {
        self.done = done
        self.total = total
    }
}

/// How to handle a channel of a chunk; cached because consecutive messages are mostly of one channel.
struct TopicLookup {
    enum Topic {
        case envelopes(String, EnvelopeForm)
        case events
        /// Of another program.
        case foreign(String)
        /// A channel that is not selected.
        case unwanted
    }

    private let channels: [UInt16: Channel]
    private let matcher: EnvelopeMatcher
    private var last: (id: UInt16, topic: Topic)?

    init(_ channels: [UInt16: Channel], _ matcher: EnvelopeMatcher) {
        self.channels = channels
        self.matcher = matcher
    }

    mutating func topic(of id: UInt16) -> Topic {
        if let last, last.id == id { return last.topic }
        let topic: Topic =
            switch channels[id].map({ ($0, $0.form) }) {
            case (let channel, let form?)?:
                matcher.selects(channel: channel.topic) ? .envelopes(channel.topic, form) : .unwanted
            case (let channel, nil)? where channel.topic == CaptureMetadata.eventsTopic: .events
            case (let channel, nil)?: .foreign(channel.topic)
            case nil: .unwanted
            }
        last = (id, topic)
        return topic
    }
}
