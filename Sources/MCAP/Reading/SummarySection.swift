/// The summary of a closed file, found from its end.
struct SummarySection {
    private(set) var channels = ChannelTable()
    private(set) var statistics: Statistics?
    private(set) var chunkIndexes: [ChunkIndex] = []
    private(set) var metadataIndexes: [MetadataIndex] = []
    private var listsChunks = false
    /// Messages listed by the message indexes of all chunks, wanted or not.
    private var listedMessages: UInt64 = 0
    private let from: UInt64?
    private let until: UInt64?

    /// - Parameters:
    ///   - from: earliest log time for which chunk indexes are wanted; nil = from the start.
    ///   - until: log time before which they are wanted; nil = to the end.
    /// - Throws: ``NoSummary``, ``Damage``, errors of the source.
    init(_ window: SourceWindow, from: UInt64? = nil, until: UInt64? = nil) throws {
        self.from = from
        self.until = until
        let footerSize = UInt64(Layout.recordHeader + Layout.footerContent)
        let tailSize = footerSize + UInt64(Layout.magic.count)
        guard window.end >= tailSize, let tail = try window.bytes(at: window.end - tailSize, count: Int(tailSize)),
            tail.suffix(Layout.magic.count).elementsEqual(Layout.magic), tail[0] == Opcode.footer.rawValue
        else { throw NoSummary.cut }
        let footerStart = window.end - tailSize
        let footer = try damageAtRecord(footerStart, length: footerSize) {
            let content = tail[Layout.recordHeader..<Layout.recordHeader + Layout.footerContent]
            return try parse(UnsafeRawBufferPointer(rebasing: content), as: .footer, Footer.init(content:))
        }
        guard footer.summaryStart != 0 else { throw NoSummary.unclosed }
        guard footer.summaryStart >= UInt64(Layout.magic.count), footer.summaryStart <= footerStart else {
            throw Damage(offset: footerStart, length: footerSize, reason: .footer, messagesLost: nil)
        }
        let length = footerStart - footer.summaryStart
        try damageAtRecord(footer.summaryStart, length: length) {
            guard length <= window.limits.maximumRecordSize else {
                let reason = Damage.Reason.tooLarge(
                    opcode: Opcode.footer.rawValue, size: length, limit: window.limits.maximumRecordSize)
                throw RecordFault(reason: reason)
            }
            try Self.check(footer, footerStart: footerStart, window)
            try read(footer.summaryStart..<footerStart, window)
        }
        guard !listsChunks || statistics?.messageCount == listedMessages,
            listsChunks || statistics?.chunkCount != 0
                || statistics?.messageCount == 0
        else { throw NoSummary.messagesOutsideChunks }
        let hasUnlisted = statistics.map { $0.chunkCount > 0 || $0.messageCount > 0 } ?? true
        guard listsChunks || !hasUnlisted else { throw NoSummary.withoutChunkIndexes }
    }

    private static func check(_ footer: Footer, footerStart: UInt64, _ window: SourceWindow) throws {
        guard footer.summaryCRC != 0 else { return }
        let coveredEnd = footerStart + UInt64(Layout.recordHeader + Layout.footerCovered)
        var crc = CRC32()
        guard try window.forEachPiece(in: footer.summaryStart..<coveredEnd, { crc.update($0) }) else {
            throw RecordFault(reason: .truncated)
        }
        guard crc.value == footer.summaryCRC else {
            throw RecordFault(reason: .summaryCRC(expected: footer.summaryCRC, actual: crc.value))
        }
    }

    private mutating func read(_ range: Range<UInt64>, _ window: SourceWindow) throws {
        var position = range.lowerBound
        while position < range.upperBound {
            guard let frame = try window.frame(at: position), frame.end <= range.upperBound else {
                throw RecordFault(reason: .truncated)
            }
            if let opcode = Opcode(rawValue: frame.opcode) {
                try add(opcode, try window.content(of: frame))
            }
            position = frame.end
        }
    }

    private mutating func add(_ opcode: Opcode, _ content: UnsafeRawBufferPointer) throws {
        switch opcode {
        case .channel: try channels.add(try parse(content, as: opcode, Channel.init(content:)))
        case .statistics: statistics = try parse(content, as: opcode, Statistics.init(content:))
        case .chunkIndex:
            listsChunks = true
            listedMessages &+= Self.messages(inChunkIndex: content)
            if isWanted(chunkIndex: content) {
                chunkIndexes.append(try parse(content, as: opcode, ChunkIndex.init(content:)))
            }
        case .metadataIndex: metadataIndexes.append(try parse(content, as: opcode, MetadataIndex.init(content:)))
        default: break
        }
    }

    /// Computed from the length of the message indexes: one entry per message, plus a fixed part per channel.
    private static func messages(inChunkIndex content: UnsafeRawBufferPointer) -> UInt64 {
        guard content.count >= 44 else { return 0 }
        let mapSize = UInt64(UInt32(littleEndian: content.loadUnaligned(fromByteOffset: 32, as: UInt32.self)))
        guard mapSize <= UInt64(content.count - 44) else { return 0 }
        let length = UInt64(
            littleEndian: content.loadUnaligned(fromByteOffset: 36 + Int(mapSize), as: UInt64.self))
        let fixed = mapSize / 10 * UInt64(Layout.recordHeader + 6)
        return length >= fixed ? (length - fixed) / UInt64(Layout.messageIndexEntry) : 0
    }

    /// Decides by the first and last log time, at the start of the record. The parser rejects records that are too
    /// short.
    private func isWanted(chunkIndex content: UnsafeRawBufferPointer) -> Bool {
        guard content.count >= 16 else { return true }
        let start = UInt64(littleEndian: content.loadUnaligned(as: UInt64.self))
        let end = UInt64(littleEndian: content.loadUnaligned(fromByteOffset: 8, as: UInt64.self))
        if let from, end < from { return false }
        if let until, start >= until { return false }
        return true
    }
}

/// A file cannot be read by its summary; use ``MCAPStreamReader``.
package enum NoSummary: Error, Equatable, CustomStringConvertible {
    /// It is being written, or its writer died.
    case unclosed
    /// It does not end with the MCAP magic bytes.
    case cut
    /// Its summary lists no chunks although there are some.
    case withoutChunkIndexes
    /// There are more messages than its chunks have, or their number is unknown.
    case messagesOutsideChunks

    package var description: String {
        switch self {
        case .unclosed: "the file has no summary because it was never closed; read it from its start"
        case .cut: "the file is cut off before its summary; read it from its start"
        case .withoutChunkIndexes: "the file's summary does not list its chunks; read it from its start"
        case .messagesOutsideChunks: "the file has messages that its summary does not list; read it from its start"
        }
    }
}
