/// Reads a closed file by its summary: chunks in any order, and only those wanted.
///
/// The summary and each chunk read are checked by their CRCs; what is not read is not checked.
package final class MCAPIndexedReader {
    /// As the file begins.
    package let header: Header
    /// All channels of the file, by id.
    package let channels: [UInt16: Channel]
    /// Nil if the writer left it out.
    package let statistics: Statistics?
    /// In the order of the summary, which is that of the file; of the times asked for only.
    package let chunkIndexes: [ChunkIndex]
    /// Where the metadata records stand, in the order of the summary.
    package let metadataIndexes: [MetadataIndex]

    private let window: SourceWindow
    private let limits: ReadLimits
    private let decoder: ChunkDecoder
    private var channelTable: ChannelTable

    /// - Parameters:
    ///   - from: earliest log time wanted, nanoseconds since 1970; nil = from the start. An hour of quiet traffic is tens
    ///     of thousands of chunks: the indexes of those that hold nothing wanted are not even taken apart.
    ///   - until: log time before which messages are wanted; nil = to the end.
    /// - Throws: ``NoSummary``; ``Damage`` if header, summary or footer are damaged; what the source throws.
    package init(
        _ source: any ByteSource, limits: ReadLimits = ReadLimits(), from: UInt64? = nil, until: UInt64? = nil
    ) throws {
        let window = SourceWindow(source)
        // What lies between the header and the summary may never be wanted.
        header = try Self.readHeader(SourceWindow(source, readAhead: 4_096), limits)
        let summary = try SummarySection(window, limits, from: from, until: until)
        channelTable = summary.channels
        channels = summary.channels.byID
        statistics = summary.statistics
        chunkIndexes = summary.chunkIndexes
        metadataIndexes = summary.metadataIndexes
        self.window = window
        self.limits = limits
        decoder = ChunkDecoder(limits: limits)
    }

    /// The chunks that can hold messages wanted, in the order of the file.
    ///
    /// - Parameters:
    ///   - from: earliest log time wanted, nanoseconds since 1970; nil = from the start.
    ///   - until: log time before which messages are wanted; nil = to the end.
    ///   - channelIDs: nil = all. A chunk without message indexes may hold any channel.
    package func chunks(
        from: UInt64? = nil, until: UInt64? = nil, channelIDs: Set<UInt16>? = nil
    ) -> [ChunkIndex] {
        chunkIndexes.filter { index in
            if let from, index.endTime < from { return false }
            if let until, index.startTime >= until { return false }
            guard let channelIDs, !index.messageIndexOffsets.isEmpty else { return true }
            return index.messageIndexOffsets.keys.contains(where: channelIDs.contains)
        }
    }

    /// One chunk.
    ///
    /// - Throws: ``Damage`` if it is not whole or not as `index` says; what the source throws.
    package func read(_ index: ChunkIndex) throws -> DecodedChunk {
        try damageAtRecord(index.offset, length: index.length) {
            let frame = try frame(of: .chunk, at: index.offset, size: index.length)
            let (chunk, timesDiffer) = try decoder.decode(
                frame, from: window, channels: &channelTable, allowingExtension: true)
            guard !timesDiffer, chunk.startTime == index.startTime, chunk.endTime == index.endTime else {
                throw RecordFault(reason: .chunkTimes)
            }
            guard chunk.compression == index.compression, chunk.compressedSize == index.compressedSize,
                chunk.uncompressedSize == index.uncompressedSize
            else { throw RecordFault(reason: .summary(.chunkIndexes)) }
            return chunk
        }
    }

    /// One metadata record.
    ///
    /// - Throws: ``Damage`` if it is not whole or not as `index` says; what the source throws.
    package func read(_ index: MetadataIndex) throws -> Metadata {
        try damageAtRecord(index.offset, length: index.length) {
            let frame = try frame(of: .metadata, at: index.offset, size: index.length)
            let content = try window.content(of: frame, limits: limits)
            let metadata = try parse(content, as: .metadata) { content throws(MalformedRecord) in
                try Metadata(content: content, allowingExtension: true)
            }
            guard metadata.name == index.name else { throw RecordFault(reason: .summary(.metadataIndexes)) }
            return metadata
        }
    }

    private func frame(of opcode: Opcode, at offset: UInt64, size: UInt64) throws -> RecordFrame {
        guard let frame = try window.frame(at: offset) else { throw RecordFault(reason: .truncated) }
        guard frame.opcode == opcode.rawValue, frame.size == size else {
            throw RecordFault(reason: .unexpectedRecord(opcode: frame.opcode))
        }
        return frame
    }

    private static func readHeader(_ window: SourceWindow, _ limits: ReadLimits) throws -> Header {
        try damageAtRecord(0, length: UInt64(Layout.magic.count)) {
            guard let magic = try window.bytes(at: 0, count: Layout.magic.count) else {
                throw RecordFault(reason: .truncated)
            }
            guard magic.elementsEqual(Layout.magic) else { throw RecordFault(reason: .leadingMagic) }
            guard let frame = try window.frame(at: UInt64(Layout.magic.count)) else {
                throw RecordFault(reason: .truncated)
            }
            guard frame.opcode == Opcode.header.rawValue else {
                throw RecordFault(reason: .unexpectedRecord(opcode: frame.opcode))
            }
            let content = try window.content(of: frame, limits: limits)
            return try parse(content, as: .header, Header.init(content:))
        }
    }
}

/// Makes a ``Damage`` at a known place of a fault in `body`.
func damageAtRecord<Result>(_ offset: UInt64, length: UInt64, _ body: () throws -> Result) throws -> Result {
    do {
        return try body()
    } catch let fault as RecordFault {
        throw Damage(offset: offset, length: length, reason: fault.reason, messagesLost: nil)
    }
}
