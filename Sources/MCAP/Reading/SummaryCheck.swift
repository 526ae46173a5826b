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
