public import MCAP
import SignalRBackplane

/// One envelope of a capture. The payload is valid during the call that hands it out.
public struct CapturedEnvelope {
    /// The Redis channel.
    public let channel: String
    /// Nanoseconds since 1970.
    public let receivedAt: UInt64
    /// As it was published, id and all.
    public let payload: UnsafeRawBufferPointer

    public init(channel: String, receivedAt: UInt64, payload: UnsafeRawBufferPointer) {
        self.channel = channel
        self.receivedAt = receivedAt
        self.payload = payload
    }
}

public enum CaptureItem {
    case envelope(CapturedEnvelope)
    /// What happened to the recording, and when, in nanoseconds since 1970.
    case event(CaptureEvent, at: UInt64)
}

/// What a reading found, besides the items.
public struct CaptureReadReport: Sendable {
    public struct Segment: Sendable {
        public enum State: String, Sendable {
            /// Closed with its summary.
            case closed
            /// A relay writes it now.
            case recording
            /// Its relay died; every reader opens it all the same.
            case unclosed
            /// It ends in the middle.
            case cut
        }

        public let path: String
        public let size: UInt64
        public var state: State
        public var envelopes = 0
    }

    public struct SegmentDamage: Sendable, CustomStringConvertible {
        public let path: String
        public let damage: Damage

        public var description: String { "\(path): \(damage)" }
    }

    public internal(set) var segments: [Segment] = []
    /// Empty if all of it is whole.
    public internal(set) var damage: [SegmentDamage] = []
    /// Events of what was recorded and is gone again.
    public internal(set) var losses: [CaptureEvent] = []

    /// Of nothing read.
    public init() {}

    /// Losses in words.
    public var lossDescriptions: [String] {
        losses.map { event in
            let ids = event.from.flatMap { from in event.to.map { "ids \(from)..\($0)" } } ?? "ids unknown"
            return "\(event.channel ?? "all channels"): \(event.envelopes ?? 0) envelopes (\(ids)) were recorded in "
                + "'\(event.segment ?? "?")' and are gone: \(event.cause ?? "unknown")"
        }
    }
}

/// Thrown by whoever takes the items: ends the reading, which then returns what it found up to there.
public struct CaptureReadingEnd: Error {
    public init() {}
}

/// Reads a capture, segment by segment in the order of time, in constant memory; also one that is being recorded.
///
/// Damage does not end the reading: what is whole is handed out, what is not is in the report.
public struct CaptureReader: Sendable {
    private static let listedLosses = 1_000

    /// The files, in the order of time.
    public let segments: [CaptureSegment]

    /// - Parameter paths: directories with segments, or segment files.
    /// - Throws: ``CaptureError``.
    public init(paths: [String]) throws(CaptureError) {
        var segments: [CaptureSegment] = []
        for path in paths {
            for file in try CaptureDirectory.segmentFiles(at: path) { segments.append(try CaptureSegment(path: file)) }
        }
        self.segments = SegmentOrder.sorted(segments)
    }

    /// Bytes of all files.
    public var size: UInt64 { segments.reduce(0) { $0 + $1.size } }

    /// Where the segments were recorded, each source once.
    public func sources() -> [CaptureSource] {
        var sources: [CaptureSource] = []
        for segment in segments {
            if let source = segment.source, !sources.contains(source) { sources.append(source) }
        }
        return sources
    }

    /// Hands out every envelope selected, and every event of the same channels and times, in the order of the recording.
    ///
    /// By time or channel only the chunks are read that can hold such envelopes; then damage elsewhere is not found.
    ///
    /// - Parameter progress: told, chunk by chunk, how far the reading has come.
    /// - Throws: ``CaptureError`` if a file cannot be read at all; what `body` throws, but for ``CaptureReadingEnd``.
    @discardableResult
    public func forEach(
        _ selection: CaptureSelection = .all, _ body: (CaptureItem) throws -> Void,
        progress: ((CaptureProgress) -> Void)? = nil
    ) throws -> CaptureReadReport {
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
                if selection.canSkipChunks {
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

    /// From start to end, checking everything.
    private func stream(
        _ segment: CaptureSegment, _ wanted: Wanted, _ report: inout CaptureReadReport,
        _ body: (CaptureItem) throws -> Void, _ chunkDone: ((_ offset: UInt64) -> Void)?
    ) throws {
        let source = try FileSource(path: segment.path)
        let reader = ChunkReadAhead(MCAPStreamReader(source, tailMayGrow: source.isLive))
        var entry = CaptureReadReport.Segment(path: segment.path, size: source.size, state: .closed)
        defer {
            report.segments.append(entry)
            report.damage += reader.stop().map { CaptureReadReport.SegmentDamage(path: segment.path, damage: $0) }
        }
        while let item = try reader.next() {
            switch item {
            case .header, .metadata: break
            case .chunk(let chunk):
                entry.envelopes += try handOut(chunk, wanted.matcher, &report, body)
                chunkDone?(chunk.offset + chunk.length)
            case .end(let ending):
                entry.state =
                    switch ending {
                    case .closed: .closed
                    case .unclosed: source.isLive ? .recording : .unclosed
                    case .cut: .cut
                    }
            }
        }
    }

    /// Only the chunks that can hold what is wanted, by the summary; without one, all.
    private func seek(
        _ segment: CaptureSegment, _ wanted: Wanted, _ report: inout CaptureReadReport,
        _ body: (CaptureItem) throws -> Void, _ chunkDone: ((_ offset: UInt64) -> Void)?
    ) throws {
        let source = try FileSource(path: segment.path)
        let reader: MCAPIndexedReader
        do {
            reader = try MCAPIndexedReader(source, from: wanted.selection.from, until: wanted.selection.until)
        } catch is NoSummary {
            return try stream(segment, wanted, &report, body, chunkDone)
        } catch is Damage {
            return try stream(segment, wanted, &report, body, chunkDone)
        }
        var entry = CaptureReadReport.Segment(path: segment.path, size: source.size, state: .closed)
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
    }

    /// - Returns: the number of envelopes handed out.
    private func handOut(
        _ chunk: DecodedChunk, _ matcher: EnvelopeMatcher, _ report: inout CaptureReadReport,
        _ body: (CaptureItem) throws -> Void
    ) throws -> Int {
        var count = 0
        var lookup = TopicLookup(chunk.channels, matcher)
        try chunk.forEachMessage { (message: MCAP.MessageView) throws in
            guard matcher.selects(receivedAt: message.logTime) else { return }
            switch lookup.topic(of: message.channelID) {
            case .envelopes(let name):
                guard matcher.selects(payload: message.data) else { return }
                count += 1
                try body(
                    .envelope(
                        CapturedEnvelope(channel: name, receivedAt: message.logTime, payload: message.data)))
            case .events:
                guard let event = CaptureEvent(json: message.data) else { return }
                if let channel = event.channel, !matcher.selects(channel: channel) { return }
                if event.isLoss, report.losses.count < Self.listedLosses { report.losses.append(event) }
                try body(.event(event, at: message.logTime))
            case .unwanted:
                break
            }
        }
        return count
    }
}

/// What a channel of a chunk is to us; most messages in a row are of one.
private struct TopicLookup {
    enum Topic {
        case envelopes(String)
        case events
        /// A channel that is not selected, or of another program.
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
            switch channels[id] {
            case let channel? where channel.messageEncoding == CaptureMetadata.envelopeEncoding:
                matcher.selects(channel: channel.topic) ? .envelopes(channel.topic) : .unwanted
            case let channel? where channel.topic == CaptureMetadata.eventsTopic: .events
            default: .unwanted
            }
        last = (id, topic)
        return topic
    }
}
