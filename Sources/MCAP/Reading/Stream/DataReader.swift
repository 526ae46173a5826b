/// Reads the header and the records of the data section.
final class DataReader {
    private let window: SourceWindow
    private let progress: ReadProgress
    private let files: FileParts
    private let markers: MarkerSearch
    private let resynchronizer: Resynchronizer
    private let chunks: ChunkReader
    private let messageIndexes: MessageIndexReader
    private let summary: SummaryReader
    private let looseMessages: LooseMessageReader
    /// The CRC of the data section needs a second pass, at most once per file.
    private var mayCheckDataEnd = true

    init(_ parts: ReaderParts, _ summary: SummaryReader) {
        window = parts.window
        progress = parts.progress
        files = parts.files
        markers = parts.markers
        resynchronizer = parts.resynchronizer
        messageIndexes = parts.messageIndexes
        chunks = ChunkReader(parts)
        looseMessages = LooseMessageReader(parts)
        self.summary = summary
    }

    private var file: FilePart { files.current }

    /// Another file begins.
    func begin() { mayCheckDataEnd = true }

    func read(_ frame: RecordFrame) throws -> MCAPStreamReader.Item? {
        let opcode = Opcode(rawValue: frame.opcode)
        guard progress.phase.isHeader == (opcode == .header) else { throw Self.unexpected(frame) }
        if opcode != .messageIndex { messageIndexes.end(before: opcode) }
        switch opcode {
        case .header?:
            let header = try window.read(frame, as: .header, Header.init(content:))
            try progress.pass(until: frame.end)
            progress.enter(.data)
            return .header(header)
        case .chunk?: return try chunks.read(frame).map { .chunk($0) }
        case .messageIndex?: try messageIndexes.read(frame)
        case .metadata?: return .metadata(try readMetadata(frame))
        case .channel?:
            try file.log.add(try window.read(frame, as: .channel, Channel.init(content:)))
            try progress.pass(until: frame.end)
        case .dataEnd?: try readDataEnd(frame)
        case .footer?:
            progress.report(at: progress.position, length: 0, .dataEndMissing, lost: 0)
            summary.begin(at: progress.position)
        case .message? where !file.isMarked: return try looseMessages.read(from: frame).map { .chunk($0) }
        case .attachment? where !file.isMarked: try readAttachment(frame)
        case .schema? where !file.isMarked:
            try window.read(frame, as: .schema) { content throws(MalformedRecord) in
                try SourceWindow.checkSchema(content, allowingExtension: true)
            }
            try passDescription(frame)
        case nil where !file.isMarked: try passUnknown(frame)
        default: throw Self.unexpected(frame)
        }
        return nil
    }

    private func readMetadata(_ frame: RecordFrame) throws -> Metadata {
        let allowingExtension = !file.isMarked
        let metadata = try window.read(frame, as: .metadata) { content throws(MalformedRecord) in
            try Metadata(content: content, allowingExtension: allowingExtension)
        }
        try passDescription(frame)
        file.log.add(
            MetadataIndex(offset: frame.start, length: frame.size, name: metadata.name),
            limit: window.isStream ? DataLog.streamLimit : .max)
        return metadata
    }

    /// A stream of only such records would be kept forever for the search after damage.
    private func passDescription(_ frame: RecordFrame) throws {
        let isWhole = try window.isStream && !file.isMarked && window.isOrderlyRecord(at: frame.start)
        try progress.pass(until: frame.end)
        if isWhole { progress.verify(until: frame.end) }
    }

    private func readAttachment(_ frame: RecordFrame) throws {
        guard try window.isAttachment(frame) else {
            throw RecordFault(reason: .malformed(opcode: frame.opcode, field: "data"))
        }
        file.log.addAttachment()
        guard window.isStream else { return try progress.pass(until: frame.end) }
        // It may be larger than what is kept of a stream.
        progress.forgetCovered()
        while progress.position < frame.end {
            let count = min(frame.end - progress.position, 1 << 17)
            guard try window.bytes(at: progress.position, count: Int(count)) != nil else {
                throw RecordFault(reason: .truncated)
            }
            progress.skip(until: progress.position + count)
            progress.verify(until: progress.position)
        }
    }

    /// Accepts a record of a later format or another program, unless it is garbage.
    private func passUnknown(_ frame: RecordFrame) throws {
        guard try window.isOrderlyRecord(at: frame.end),
            // An intact chunk inside it cannot be one of its fields.
            try resynchronizer.landing(from: frame.start + 1, until: frame.end) == nil
        else { throw Self.unexpected(frame) }
        try progress.pass(until: frame.end)
    }

    private static func unexpected(_ frame: RecordFrame) -> RecordFault {
        RecordFault(reason: .unexpectedRecord(opcode: frame.opcode))
    }

    // MARK: - End of the data

    private func readDataEnd(_ frame: RecordFrame) throws {
        if try markers.isMarkerPassed(before: frame.start) { throw Self.unexpected(frame) }
        let expected = try window.read(frame, as: .dataEnd, DataEnd.init(content:)).dataSectionCRC
        if expected != 0, mayCheckDataEnd {
            mayCheckDataEnd = false
            if let actual = try checksum(until: frame.start), actual != expected {
                let reason = Damage.Reason.dataEndCRC(expected: expected, actual: actual)
                progress.report(at: frame.start, length: 0, reason, lost: 0)
            }
        }
        progress.skip(until: frame.end)
        summary.begin(at: frame.end)
    }

    /// CRC of the data section; nil in a stream that contains something else before the file.
    private func checksum(until end: UInt64) throws -> UInt32? {
        let start = file.isMarked ? 0 : file.shift
        if window.isStream { return start == 0 ? window.checksum(before: end) : nil }
        guard start <= end else { return nil }
        var crc = CRC32()
        _ = try window.forEachPiece(in: start..<end) { crc.update($0) }
        return crc.value
    }
}
