/// Reads the summary section of a file and its footer, and compares them with the data.
final class SummaryReader {
    private let window: SourceWindow
    private let progress: ReadProgress
    private let files: FileParts
    private var check = SummaryCheck(start: 0)

    init(_ progress: ReadProgress, _ files: FileParts) {
        window = progress.window
        self.progress = progress
        self.files = files
    }

    /// The data ends before `offset`.
    func begin(at offset: UInt64) {
        check = SummaryCheck(start: offset)
        progress.enter(.summary)
    }

    /// Reads one record.
    func read(_ frame: RecordFrame) throws {
        let opcode = Opcode(rawValue: frame.opcode)
        if opcode == .footer { return try readFooter(frame) }
        if let opcode {
            try check.add(opcode, try window.content(of: frame), at: frame)
        } else if files.current.isMarked {
            throw RecordFault(reason: .unexpectedRecord(opcode: frame.opcode))
        }
        try cover(frame.start..<frame.end)
        progress.skip(until: frame.end)
    }

    private func cover(_ range: Range<UInt64>) throws {
        _ = try window.forEachPiece(in: range) { check.cover($0) }
    }

    private func readFooter(_ frame: RecordFrame) throws {
        let footer = try window.read(frame, as: .footer, Footer.init(content:))
        try cover(frame.start..<frame.contentStart + UInt64(Layout.footerCovered))
        guard let magic = try window.bytes(at: frame.end, count: Layout.magic.count) else {
            progress.skip(until: frame.end)
            throw RecordFault(reason: .truncated)
        }
        let hasMagic = magic.elementsEqual(Layout.magic)
        let hasSummary = frame.start > check.start
        let isRight = isRight(footer, frame)
        if isRight, hasSummary { compare(isTrusted: footer.summaryCRC != 0) }
        progress.skip(until: isRight ? frame.end : try nextBeginning(in: frame.start + 1..<frame.end))
        if progress.position == frame.end { try passMagic(isIntact: hasMagic) }
        progress.enter(.behind(hasSummary ? .closed : .unclosed))
    }

    /// Whether the footer matches the summary before it.
    private func isRight(_ footer: Footer, _ frame: RecordFrame) -> Bool {
        let file = files.current
        let hasSummary = frame.start > check.start
        func written(_ place: UInt64) -> UInt64 { place == 0 ? 0 : place &- file.shift }
        if footer.summaryCRC != 0 || file.isMarked && hasSummary, footer.summaryCRC != check.checksum {
            let reason = Damage.Reason.summaryCRC(expected: footer.summaryCRC, actual: check.checksum)
            progress.report(at: check.start, length: frame.end - check.start, reason, lost: 0)
            return false
        }
        guard footer.summaryStart == (hasSummary ? written(check.start) : 0),
            footer.summaryOffsetStart == written(check.offsetStart)
        else {
            progress.report(at: frame.start, length: frame.size, .footer, lost: 0)
            return false
        }
        return true
    }

    private func passMagic(isIntact: Bool) throws {
        let start = progress.position
        let end = start + UInt64(Layout.magic.count)
        if isIntact { return progress.skip(until: end) }
        progress.skip(until: try nextBeginning(in: start..<end))
        progress.report(at: start, length: progress.position - start, .trailingMagic, lost: 0)
    }

    /// Where another file, chunk or marker begins within an apparent footer or magic; else the end of the range.
    private func nextBeginning(in range: Range<UInt64>) throws -> UInt64 {
        try range.first {
            try window.isFileStart(at: $0) || window.claimOfChunk(at: $0) != nil || window.marker(at: $0) != nil
        } ?? range.upperBound
    }

    /// Compares the summary with the data; if data was lost, the summary may say how much.
    private func compare(isTrusted: Bool) {
        // The summary covers one file, the damage list all of them.
        guard files.count == 1 else { return }
        let log = files.current.log
        guard !progress.damages.hasLosses else {
            if isTrusted, let total = check.statistics?.messageCount {
                progress.settleLoss(ofTotal: total, read: log.statistics.messageCount)
            }
            return
        }
        // In a damaged file a contradiction would add nothing. An endless stream is not remembered completely.
        guard progress.damages.isEmpty, !log.isAbridged else { return }
        for part in check.contradictions(to: log, isComplete: files.current.isMarked) {
            progress.report(at: check.start, length: 0, .summary(part), lost: 0)
        }
    }
}

/// The summary section of a file, for comparison with the data.
struct SummaryCheck {
    /// Start of the section.
    let start: UInt64
    /// Start of the records that say where the others are; 0 without them.
    private(set) var offsetStart: UInt64 = 0
    private var crc = CRC32()
    private var channels: [UInt16: Channel] = [:]
    private(set) var statistics: Statistics?
    private var chunkIndexes: [ChunkIndex] = []
    private var metadataIndexes: [MetadataIndex] = []

    init(start: UInt64) {
        self.start = start
    }

    /// CRC of the section and of the footer before its own CRC, as far as they were read.
    var checksum: UInt32 { crc.value }

    /// The next bytes of the section or the footer.
    mutating func cover(_ bytes: UnsafeRawBufferPointer) { crc.update(bytes) }

    /// One record of the section that is not the footer.
    mutating func add(_ opcode: Opcode, _ content: UnsafeRawBufferPointer, at frame: RecordFrame) throws(RecordFault) {
        switch opcode {
        case .channel:
            let channel = try parse(content, as: opcode, Channel.init(content:))
            channels[channel.id] = channel
        case .statistics: statistics = try parse(content, as: opcode, Statistics.init(content:))
        case .chunkIndex: chunkIndexes.append(try parse(content, as: opcode, ChunkIndex.init(content:)))
        case .metadataIndex: metadataIndexes.append(try parse(content, as: opcode, MetadataIndex.init(content:)))
        case .summaryOffset: if offsetStart == 0 { offsetStart = frame.start }
        case .schema, .attachmentIndex: break
        case .header, .footer, .message, .chunk, .messageIndex, .attachment, .metadata, .dataEnd, .marker:
            throw RecordFault(reason: .unexpectedRecord(opcode: frame.opcode))
        }
    }

    /// The parts that contradict `log`.
    ///
    /// - Parameter isComplete: whether all kinds of records are required, as in our files; other writers may omit some.
    func contradictions(to log: DataLog, isComplete: Bool) -> [Damage.SummaryPart] {
        var parts: [Damage.SummaryPart] = []
        let used = Set(log.statistics.channelMessageCounts.keys)
        if channels.contains(where: { log.channels.byID[$0.key] != $0.value })
            || ((isComplete || !chunkIndexes.isEmpty) && !used.isSubset(of: channels.keys))
        {
            parts.append(.channels)
        }
        if let statistics {
            if !Self.fits(statistics, log) { parts.append(.statistics) }
        } else if isComplete {
            parts.append(.statistics)
        }
        if isComplete || !chunkIndexes.isEmpty, chunkIndexes != log.chunks.map(\.index) {
            parts.append(.chunkIndexes)
        }
        if isComplete || !metadataIndexes.isEmpty, metadataIndexes != log.metadataIndexes {
            parts.append(.metadataIndexes)
        }
        return parts
    }

    private static func fits(_ statistics: Statistics, _ log: DataLog) -> Bool {
        var expected = log.statistics
        expected.channelCount = UInt32(log.channels.ids.count)
        expected.metadataCount = UInt32(log.metadataIndexes.count)
        // Schemas are not read; counts by channel may be absent or list channels without messages.
        expected.schemaCount = statistics.schemaCount
        let counts = statistics.channelMessageCounts.filter { $0.value > 0 }
        guard statistics.channelMessageCounts.isEmpty || counts == expected.channelMessageCounts else { return false }
        expected.channelMessageCounts = statistics.channelMessageCounts
        return statistics == expected
    }
}
