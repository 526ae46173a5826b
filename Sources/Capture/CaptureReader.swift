import Backplane
import MCAP

/// Thrown by whoever takes the items: ends the reading, which then returns what it found up to there.
package struct CaptureReadingEnd: Error {
    package init() {}
}

/// Reads a capture, segment by segment in the order of time, in constant memory; also one that is being recorded.
///
/// Damage does not end the reading: what is whole is handed out, what is not is in the report.
package struct CaptureReader: Sendable {
    static let listedLosses = 1_000

    /// What relays recorded beside each other; one where none overlaps another. Segments in the order of the recording.
    package let recordings: [[CaptureSegment]]

    /// The files, recording by recording, in the order of time.
    package var segments: [CaptureSegment] { recordings.flatMap { $0 } }

    /// By how much the clocks of recordings beside each other may differ; nanoseconds.
    let horizon: UInt64

    /// - Parameters:
    ///   - paths: directories with segments, segment files, or pipes; "-" is standard input.
    ///   - streams: what is done with pipes.
    ///   - horizon: by how much the clocks of machines may differ that recorded beside each other; nanoseconds.
    /// - Throws: ``CaptureError``, also for what has nothing of MCAP in it.
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

    /// Bytes of all files; streams not counted.
    package var size: UInt64 { segments.reduce(0) { $0 + $1.size } }

    /// True if some of it comes through a pipe: it can be read once, and nobody knows how much there is.
    package var isStreamed: Bool { segments.contains { $0.stream != nil } }

    /// Bytes of all files, nil where nobody knows.
    package var knownSize: UInt64? { isStreamed ? nil : size }

    /// Where the segments were recorded, each source once.
    package func sources() -> [CaptureSource] {
        var sources: [CaptureSource] = []
        for segment in segments {
            if let source = segment.source, !sources.contains(source) { sources.append(source) }
        }
        return sources
    }

    /// Hands out every envelope selected, and every event of the same channels and times, in the order of the recording.
    ///
    /// By time or channel only the chunks are read that can hold such envelopes; then damage elsewhere is not found.
    /// What several relays recorded beside each other is handed out once, in the order of ids.
    ///
    /// - Parameter progress: told, chunk by chunk, how far the reading has come.
    /// - Throws: ``CaptureError`` if a file cannot be read at all; what `body` throws, but for ``CaptureReadingEnd``.
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

    /// From start to end, checking everything.
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
                    // Of a stream nothing was known before; files may stand behind each other.
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

    /// Only the chunks that can hold what is wanted, by the summary; without one, all.
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
