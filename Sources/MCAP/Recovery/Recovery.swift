/// Determines the intact parts of a file.
package enum Recovery {
    /// Reads all of `source` and checks it like ``MCAPStreamReader``.
    ///
    /// To finish a file that its writer left open, use ``MCAPWriter/init(resuming:compression:)``. To save the intact
    /// parts of a damaged file, read it with ``MCAPStreamReader`` and copy each chunk with
    /// ``MCAPWriter/encodeCopy(of:)`` into a new file.
    ///
    /// - Throws: errors of the source; ``Damage`` if it changes meanwhile.
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
        try findEnd(&report, reader.log, SourceWindow(source, limits: limits))
        return report
    }

    private static func findEnd(_ report: inout ScanReport, _ log: DataLog, _ window: SourceWindow) throws {
        let gapStart: UInt64
        let end: UInt64
        if let chunk = log.chunks.last, let ordinal = log.ordinalBeforeLastChunk {
            let isIndexed = chunk.index.messageIndexOffsets.keys == chunk.messageCounts.keys
            report.lastOrdinal = ordinal
            if !isIndexed { try oweMessageIndexes(of: chunk.index, log.channels, window, &report) }
            gapStart = chunk.index.chunkEnd
            end = isIndexed ? gapStart + chunk.index.messageIndexLength : gapStart
        } else if log.chunks.isEmpty, let marker = log.firstMarker {
            report.lastOrdinal = marker.ordinal
            gapStart = 0
            end = marker.offset &+ UInt64(Marker.recordSize)
        } else {
            return
        }
        report.endOfLastWholeChunk = end
        _ = try window.forEachPiece(in: gapStart..<end) { report.gap.update($0) }
    }

    /// Creates the message indexes missing after the last chunk of a file, and adds them to the report.
    private static func oweMessageIndexes(
        of index: ChunkIndex, _ channels: ChannelTable, _ window: SourceWindow, _ report: inout ScanReport
    ) throws {
        guard let frame = try window.frame(at: index.offset),
            let place = report.chunks.lastIndex(where: { $0.index.offset == index.offset })
        else { return }
        var channels = channels
        let chunk = try damageAtRecord(index.offset, length: index.length) {
            try ChunkDecoder().decode(frame, from: window, channels: &channels, allowingExtension: true).chunk
        }
        var buffer = GrowableBuffer()
        report.chunks[place].index.messageIndexOffsets = chunk.messageIndexes.encode(into: &buffer, at: frame.end)
        report.chunks[place].index.messageIndexLength = UInt64(buffer.count)
        report.owedIndexes = Array(buffer.bytes)
    }
}

/// The intact parts of a file.
package struct ScanReport: Equatable, Sendable {
    /// nil if the file does not begin with one.
    package var header: Header?
    /// All metadata, in the order of the file.
    package var metadata: [Metadata] = []
    /// Of all metadata that was found, in the order of the file.
    package var metadataIndexes: [MetadataIndex] = []
    /// Nil if the file has no readable marker.
    package var sync: SyncMarker?
    /// The channels described, in the order of the file.
    package var channels: [Channel] = []
    /// The intact chunks, in file order.
    package var chunks: [ScannedChunk] = []
    /// Messages in intact chunks and outside chunks.
    package var messageCount: UInt64 = 0
    /// In the order of the file.
    package var damages: [Damage] = []
    /// How the file ends.
    package var ending: Ending
    /// End of the last intact chunk, in bytes from the start of the file, including its message indexes if they are
    /// intact. Without chunks: end of the first marker. Nil if there is neither.
    package var endOfLastWholeChunk: UInt64?

    /// The channels described before that position.
    var channelsToResume: [Channel] = []
    /// The schemas of these.
    var schemasToResume: [Schema] = []
    /// Ordinal of the marker before that position.
    var lastOrdinal: UInt64 = 0
    /// CRC of the bytes between the last chunk, or the start of the file, and that position.
    var gap = CRC32()
    /// Message indexes of the last chunk, if those in the file are incomplete.
    var owedIndexes: [UInt8] = []

    /// True if its writer finished the file and it is undamaged.
    package var isClosedCleanly: Bool { ending == .closed && damages.isEmpty }

    /// What a writer needs to continue at the end of the file.
    func resumption() throws(MCAPWriteError) -> Resumption {
        guard ending != .closed else { throw .notResumable(.closed) }
        guard let header, let sync, let end = endOfLastWholeChunk else { throw .notResumable(.withoutMarkers) }
        guard damages.allSatisfy({ $0.offset >= end }) else { throw .notResumable(.damaged) }
        return Resumption(
            header: header, sync: sync, end: end, nextOrdinal: lastOrdinal + 1, gap: gap, channels: channelsToResume,
            schemas: schemasToResume, owedIndexes: owedIndexes)
    }
}

/// Where and how a writer continues a file.
struct Resumption {
    let header: Header
    let sync: SyncMarker
    let end: UInt64
    let nextOrdinal: UInt64
    let gap: CRC32
    let channels: [Channel]
    let schemas: [Schema]
    let owedIndexes: [UInt8]
}

/// Why data from a file cannot be written to another file.
package enum MCAPWriteError: Error, Equatable, CustomStringConvertible {
    /// A copied chunk refers to a channel or schema that it does not contain.
    case chunkNotSelfContained(channelID: UInt16)
    /// A copied chunk uses a channel id that belongs to another channel in this file.
    case channelConflict(channelID: UInt16)
    /// A scanned file cannot be continued: it is damaged before its end, closed, or has no markers because another
    /// program wrote it.
    case notResumable(ResumeObstacle)

    /// Why a file cannot be written on.
    package enum ResumeObstacle: Equatable, Sendable {
        case closed
        case damaged
        case withoutMarkers
    }

    package var description: String {
        switch self {
        case .chunkNotSelfContained(let id):
            "the chunk does not contain channel \(id) itself; copy its messages one by one instead of the whole chunk"
        case .channelConflict(let id):
            "channel id \(id) means a different channel in the output file; write each input to its own file"
        case .notResumable(.closed): "the file is closed; there is nothing to finish"
        case .notResumable(.damaged): "the file is damaged before its end; recover its whole chunks into a new file"
        case .notResumable(.withoutMarkers):
            "the file has no markers of backplane-relay; recover its whole chunks into a new file"
        }
    }
}
