extension MCAPStreamReader {
    /// Reads one record of the summary, including the footer.
    func readSummary(_ frame: RecordFrame) throws -> Item? {
        guard let opcode = Opcode(rawValue: frame.opcode) else {
            guard !isMarked else { throw RecordFault(reason: .unexpectedRecord(opcode: frame.opcode)) }
            _ = try window.forEachPiece(in: frame.start..<frame.end) { summary.crc.update($0) }
            position = frame.end
            return nil
        }
        if opcode == .footer { return try readFooter(frame) }
        try summary.add(opcode, try window.content(of: frame, limits: limits), at: frame)
        _ = try window.forEachPiece(in: frame.start..<frame.end) { summary.crc.update($0) }
        position = frame.end
        return nil
    }

    private func readFooter(_ frame: RecordFrame) throws -> Item? {
        let footer = try read(frame, as: .footer, Footer.init(content:))
        let covered = frame.start..<frame.contentStart + UInt64(Layout.footerCovered)
        _ = try window.forEachPiece(in: covered) { summary.crc.update($0) }
        guard let magic = try window.bytes(at: frame.end, count: Layout.magic.count) else {
            position = frame.end
            throw RecordFault(reason: .truncated)
        }
        let hasMagic = magic.elementsEqual(Layout.magic)

        let hasSummary = frame.start > summary.start
        func written(_ place: UInt64) -> UInt64 { place == 0 ? 0 : place &- file.shift }
        var isWrong = true
        if footer.summaryCRC != 0 || isMarked && hasSummary, footer.summaryCRC != summary.crc.value {
            let reason = Damage.Reason.summaryCRC(expected: footer.summaryCRC, actual: summary.crc.value)
            report(at: summary.start, length: frame.end - summary.start, reason, lost: 0)
        } else if footer.summaryStart != (hasSummary ? written(summary.start) : 0)
            || footer.summaryOffsetStart != written(summary.offsetStart)
        {
            report(at: frame.start, length: frame.size, .footer, lost: 0)
        } else {
            isWrong = false
            if hasSummary { compareSummary(isTrusted: footer.summaryCRC != 0) }
        }
        position = isWrong ? try nextBeginning(in: frame.start + 1..<frame.end) : frame.end
        if hasMagic, position == frame.end {
            position += UInt64(Layout.magic.count)
        } else if position == frame.end {
            position = try nextBeginning(in: frame.end..<frame.end + UInt64(Layout.magic.count))
            report(at: frame.end, length: position - frame.end, .trailingMagic, lost: 0)
        }
        phase = .behind(hasSummary ? .closed : .unclosed)
        return nil
    }

    /// Where another file or chunk begins within an apparent footer or magic; the end of the range if none does.
    private func nextBeginning(in range: Range<UInt64>) throws -> UInt64 {
        try range.first {
            try window.isFileStart(at: $0) || window.claimOfChunk(at: $0, limits: limits) != nil
        } ?? range.upperBound
    }

    /// Compares the summary with the data; if data was lost, the summary may say how much.
    private func compareSummary(isTrusted: Bool) {
        // The summary covers one file, the damage list all of them.
        guard files.count == 1 else { return }
        let losses = damages.indices.filter { damages[$0].messagesLost != 0 }
        guard losses.isEmpty else {
            guard isTrusted, let total = summary.statistics?.messageCount else { return }
            let unknown = losses.filter { damages[$0].messagesLost == nil }
            let explained = losses.reduce(log.statistics.messageCount) { $0 + UInt64(damages[$1].messagesLost ?? 0) }
            if unknown.count == 1, total >= explained {
                damages[unknown[0]].messagesLost = Int(clamping: total - explained)
            }
            return
        }
        // In a damaged file a contradiction would add nothing.
        guard damages.isEmpty else { return }
        // An endless stream is not remembered completely.
        guard !log.isAbridged else { return }
        for part in summary.contradictions(to: log, isComplete: isMarked) {
            report(at: summary.start, length: 0, .summary(part), lost: 0)
        }
    }
}

/// The summary section of a file, for comparison with the data.
struct SummaryCheck {
    /// Start of the section.
    let start: UInt64
    var crc = CRC32()
    var offsetStart: UInt64 = 0
    private var channels: [UInt16: Channel] = [:]
    private(set) var statistics: Statistics?
    private var chunkIndexes: [ChunkIndex] = []
    private var metadataIndexes: [MetadataIndex] = []

    init(start: UInt64) {
        self.start = start
    }

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
