/// Reads a closed file by its summary: any chunks in any order.
///
/// The CRCs of the summary and of each chunk read are checked; the rest is not.
package final class MCAPIndexedReader {
    /// As the file begins.
    package let header: Header
    /// All channels of the file, by id.
    package let channels: [UInt16: Channel]
    /// Nil if the writer left it out.
    package let statistics: Statistics?
    /// In summary order, which is file order; limited to the requested times.
    package let chunkIndexes: [ChunkIndex]
    /// Positions of the metadata records, in the order of the summary.
    package let metadataIndexes: [MetadataIndex]

    private let window: SourceWindow
    private let decoder: ChunkDecoder
    private var channelTable: ChannelTable

    /// - Parameters:
    ///   - from: earliest log time, nanoseconds since 1970; nil = from the start. An hour of quiet traffic has tens of
    ///     thousands of chunks: the indexes of those outside the range are not even parsed.
    ///   - until: log time before which messages are wanted; nil = to the end.
    /// - Throws: ``NoSummary``; ``Damage`` if header, summary or footer are damaged; errors of the source.
    package init(
        _ source: any ByteSource, limits: ReadLimits = ReadLimits(), from: UInt64? = nil, until: UInt64? = nil
    ) throws {
        let window = SourceWindow(source, limits: limits)
        // The data between header and summary may not be needed.
        header = try Self.readHeader(SourceWindow(source, limits: limits, readAhead: 4_096))
        let summary = try SummarySection(window, from: from, until: until)
        channelTable = summary.channels
        channels = summary.channels.byID
        statistics = summary.statistics
        chunkIndexes = summary.chunkIndexes
        metadataIndexes = summary.metadataIndexes
        self.window = window
        decoder = ChunkDecoder()
    }

    /// The chunks that may contain wanted messages, in file order.
    ///
    /// - Parameters:
    ///   - from: earliest log time, nanoseconds since 1970; nil = from the start.
    ///   - until: log time before which messages are wanted; nil = to the end.
    ///   - channelIDs: nil = all. A chunk without message indexes may contain any channel.
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

    /// Reads one chunk.
    ///
    /// - Throws: ``Damage`` if it is not intact or does not match `index`; errors of the source.
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

    /// Reads one metadata record.
    ///
    /// - Throws: ``Damage`` if it is not intact or does not match `index`; errors of the source.
    package func read(_ index: MetadataIndex) throws -> Metadata {
        try damageAtRecord(index.offset, length: index.length) {
            let frame = try frame(of: .metadata, at: index.offset, size: index.length)
            let metadata = try window.read(frame, as: .metadata) { content throws(MalformedRecord) in
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

    private static func readHeader(_ window: SourceWindow) throws -> Header {
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
            return try window.read(frame, as: .header, Header.init(content:))
        }
    }
}

/// Converts a fault in `body` to a ``Damage`` at a known position.
func damageAtRecord<Result>(_ offset: UInt64, length: UInt64, _ body: () throws -> Result) throws -> Result {
    do {
        return try body()
    } catch let fault as RecordFault {
        throw Damage(offset: offset, length: length, reason: fault.reason, messagesLost: nil)
    }
}
