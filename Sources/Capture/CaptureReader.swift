public import MCAP

/// Which part of a capture is wanted.
public struct CaptureFilter: Sendable, Equatable {
    public static let all = CaptureFilter()

    /// Earliest time of receipt, nanoseconds since 1970.
    public var from: UInt64?
    /// Time of receipt before which envelopes are wanted.
    public var until: UInt64?
    /// Redis channels; nil for all.
    public var channels: Set<String>?

    public init(from: UInt64? = nil, until: UInt64? = nil, channels: Set<String>? = nil) {
        self.from = from
        self.until = until
        self.channels = channels
    }

    func wants(_ time: UInt64) -> Bool {
        if let from, time < from { return false }
        if let until, time >= until { return false }
        return true
    }
}

/// One envelope of a capture. The payload is valid during the call that hands it out.
public struct CapturedEnvelope {
    /// The Redis channel.
    public let channel: String
    /// Nanoseconds since 1970.
    public let receivedAt: UInt64
    /// As it was published, id and all.
    public let payload: UnsafeRawBufferPointer
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

    /// Losses in words.
    public var lossDescriptions: [String] {
        losses.map { event in
            let ids = event.from.flatMap { from in event.to.map { "ids \(from)..\($0)" } } ?? "ids unknown"
            return "\(event.channel ?? "all channels"): \(event.envelopes ?? 0) envelopes (\(ids)) were recorded in "
                + "'\(event.segment ?? "?")' and are gone: \(event.cause ?? "unknown")"
        }
    }
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

    /// Where the segments were recorded, each source once.
    public func sources() -> [CaptureSource] {
        var sources: [CaptureSource] = []
        for segment in segments {
            if let source = segment.source, !sources.contains(source) { sources.append(source) }
        }
        return sources
    }

    /// Hands out every item in the order of the recording.
    ///
    /// - Throws: ``CaptureError`` if a file cannot be read at all; what `body` throws.
    @discardableResult
    public func forEach(
        _ filter: CaptureFilter = .all, _ body: (CaptureItem) throws -> Void
    ) throws -> CaptureReadReport {
        var report = CaptureReadReport()
        for segment in segments {
            if filter == .all {
                try stream(segment, filter, &report, body)
            } else {
                try seek(segment, filter, &report, body)
            }
        }
        return report
    }

    // MARK: - One segment

    /// From start to end, checking everything.
    private func stream(
        _ segment: CaptureSegment, _ filter: CaptureFilter, _ report: inout CaptureReadReport,
        _ body: (CaptureItem) throws -> Void
    ) throws {
        let source = try FileSource(path: segment.path)
        let reader = MCAPStreamReader(source, tailMayGrow: source.isLive)
        var entry = CaptureReadReport.Segment(path: segment.path, size: source.size, state: .closed)
        while let item = try reader.next() {
            switch item {
            case .header, .metadata: break
            case .chunk(let chunk): entry.envelopes += try handOut(chunk, filter, &report, body)
            case .end(let ending):
                entry.state =
                    switch ending {
                    case .closed: .closed
                    case .unclosed: source.isLive ? .recording : .unclosed
                    case .cut: .cut
                    }
            }
        }
        report.segments.append(entry)
        report.damage += reader.damages.map { CaptureReadReport.SegmentDamage(path: segment.path, damage: $0) }
    }

    /// Only the chunks that can hold what is wanted, by the summary; without one, all.
    private func seek(
        _ segment: CaptureSegment, _ filter: CaptureFilter, _ report: inout CaptureReadReport,
        _ body: (CaptureItem) throws -> Void
    ) throws {
        let source = try FileSource(path: segment.path)
        let reader: MCAPIndexedReader
        do {
            reader = try MCAPIndexedReader(source)
        } catch is NoSummary {
            return try stream(segment, filter, &report, body)
        } catch is Damage {
            return try stream(segment, filter, &report, body)
        }
        var entry = CaptureReadReport.Segment(path: segment.path, size: source.size, state: .closed)
        let wanted = filter.channels.map { names in
            Set(
                reader.channels.values
                    .filter { names.contains($0.topic) || $0.topic == CaptureMetadata.eventsTopic }.map(\.id))
        }
        for index in reader.chunks(from: filter.from, until: filter.until, channelIDs: wanted) {
            do {
                entry.envelopes += try handOut(try reader.read(index), filter, &report, body)
            } catch let damage as Damage {
                report.damage.append(CaptureReadReport.SegmentDamage(path: segment.path, damage: damage))
            }
        }
        report.segments.append(entry)
    }

    /// - Returns: the number of envelopes handed out.
    private func handOut(
        _ chunk: DecodedChunk, _ filter: CaptureFilter, _ report: inout CaptureReadReport,
        _ body: (CaptureItem) throws -> Void
    ) throws -> Int {
        var count = 0
        var lookup = TopicLookup(chunk.channels)
        try chunk.forEachMessage { (message: MessageView) throws in
            guard filter.wants(message.logTime) else { return }
            switch lookup.topic(of: message.channelID) {
            case .envelopes(let name):
                if let channels = filter.channels, !channels.contains(name) { return }
                count += 1
                try body(
                    .envelope(
                        CapturedEnvelope(channel: name, receivedAt: message.logTime, payload: message.data)))
            case .events:
                guard let event = CaptureEvent(json: message.data) else { return }
                if let channels = filter.channels, let channel = event.channel, !channels.contains(channel) { return }
                if event.isLoss, report.losses.count < Self.listedLosses { report.losses.append(event) }
                try body(.event(event, at: message.logTime))
            case .foreign:
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
        case foreign
    }

    private let channels: [UInt16: Channel]
    private var last: (id: UInt16, topic: Topic)?

    init(_ channels: [UInt16: Channel]) {
        self.channels = channels
    }

    mutating func topic(of id: UInt16) -> Topic {
        if let last, last.id == id { return last.topic }
        let topic: Topic =
            switch channels[id] {
            case let channel? where channel.messageEncoding == CaptureMetadata.envelopeEncoding:
                .envelopes(channel.topic)
            case let channel? where channel.topic == CaptureMetadata.eventsTopic: .events
            default: .foreign
            }
        last = (id, topic)
        return topic
    }
}
