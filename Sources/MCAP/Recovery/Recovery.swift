/// Determines the intact parts of a file.
package enum Recovery {
    /// Reads all of `source` and checks it like ``MCAPStreamReader``.
    ///
    /// To finish a file that its writer left open, use ``MCAPWriter/init(resuming:compression:)``. To save the intact
    /// parts of a damaged file, read it with ``MCAPStreamReader`` and copy each chunk with
    /// ``MCAPWriter/encodeCopy(of:)`` into a new file.
    ///
    /// - Throws: errors of the source.
    package static func scan(_ source: any ByteSource, limits: ReadLimits = ReadLimits()) throws -> ScanReport {
        let reader = MCAPStreamReader(source, limits: limits)
        var report = ScanReport(ending: .cut)
        while let item = try reader.next() {
            switch item {
            case .header(let header): report.header = header
            case .metadata(let metadata): report.metadata.append(metadata)
            case .chunk: break
            case .end(let ending): report.ending = ending
            }
        }
        report.metadataIndexes = reader.log.metadataIndexes
        report.sync = reader.log.lastMarker?.sync
        report.channels = reader.log.channels.inOrder
        report.channelsToResume = reader.log.channelsWithChunks.inOrder
        report.schemasToResume = reader.log.channelsWithChunks.schemas.values.sorted { $0.id < $1.id }
        report.chunks = reader.allLogs.flatMap(\.chunks)
        report.messageCount = reader.allLogs.reduce(0) { $0 + $1.statistics.messageCount }
        report.damages = reader.damages
        try findEnd(&report, reader)
        return report
    }

    private static func findEnd(_ report: inout ScanReport, _ reader: MCAPStreamReader) throws {
        let log = reader.log
        let gapStart: UInt64
        let end: UInt64
        if let chunk = log.chunks.last, let ordinal = log.ordinalBeforeLastChunk {
            let isIndexed = chunk.index.messageIndexOffsets.keys == chunk.messageCounts.keys
            report.lastOrdinal = ordinal
            if !isIndexed { try oweMessageIndexes(&report, reader) }
            gapStart = chunk.index.chunkEnd
            end = isIndexed ? gapStart + chunk.index.messageIndexLength : gapStart
        } else if log.chunks.isEmpty, let marker = log.firstMarker {
            report.lastOrdinal = marker.ordinal
            gapStart = 0
            end = marker.offset + UInt64(Marker.recordSize)
        } else {
            return
        }
        report.endOfLastWholeChunk = end
        _ = try reader.window.forEachPiece(in: gapStart..<end) { report.gap.update($0) }
    }

    /// Creates the message indexes missing after the last chunk, and adds them to the report.
    private static func oweMessageIndexes(_ report: inout ScanReport, _ reader: MCAPStreamReader) throws {
        let last = report.chunks.count - 1
        guard let frame = try reader.window.frame(at: report.chunks[last].index.offset) else { return }
        var channels = reader.log.channels
        let (chunk, _) = try reader.decoder.decode(
            frame, from: reader.window, channels: &channels, allowingExtension: true)
        var buffer = GrowableBuffer()
        report.chunks[last].index.messageIndexOffsets = chunk.messageIndexes.encode(into: &buffer, at: frame.end)
        report.chunks[last].index.messageIndexLength = UInt64(buffer.count)
        report.owedIndexes = Array(buffer.bytes)
    }
}
