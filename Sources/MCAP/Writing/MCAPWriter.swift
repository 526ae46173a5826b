/// Encodes chunks as an MCAP file, one write at a time.
///
/// Each `encode` fills ``output``, to be written at ``outputOffset`` in one piece. It replaces the 50 bytes at the end
/// of the file (``trailer``) and ends with a new trailer, so that the file is valid MCAP after each write. After the
/// write, call ``commit()`` or ``discard()``: a failed write changes nothing here, and the same chunk can be encoded
/// again by this or another writer.
///
///     var writer = MCAPWriter(header: header, sync: .random(), compression: .zstd(level: 1))
///     writer.encodeStart(metadata: [metadata])        // write output at outputOffset, commit
///     writer.encodeChunk(builder)                     // the same, for each chunk
///     writer.encodeEnd(metadata: [])                  // the same, once; then the file has its summary
package struct MCAPWriter: ~Copyable {
    /// The state of the file.
    private struct Progress {
        enum Phase { case new, open, closed }

        var phase = Phase.new
        /// Where the next output goes: after the last permanent record.
        var end: UInt64 = 0
        var fileSize: UInt64 = 0
        var nextOrdinal: UInt64 = 0
        /// CRC of all bytes since the last chunk record, or since the start of the file.
        var gap = CRC32()
    }

    /// What an encoded output adds to the summary once committed.
    private enum Addition {
        case metadata([MetadataIndex])
        case chunk(ChunkIndex, counts: [UInt16: UInt64], channels: [Channel], schemas: [Schema])
    }

    private let header: Header
    private let sync: SyncMarker
    private var encoder: ChunkEncoder

    private var buffer = GrowableBuffer(capacity: 1 << 16)
    private var trailerBuffer = GrowableBuffer()
    private var progress = Progress()
    private var summary = Summary()
    private var pending: (progress: Progress, addition: Addition)?
    /// Message indexes missing after the last chunk of a resumed file; they start the next output.
    private var owed: [UInt8] = []

    /// For a new file.
    ///
    /// - Parameter sync: random, for this file only.
    package init(header: Header, sync: SyncMarker, compression: Compression) {
        self.header = header
        self.sync = sync
        encoder = ChunkEncoder(compression: compression)
        Self.appendTrailer(to: &trailerBuffer)
    }

    /// Continues after the last intact chunk of a scanned file that its writer never closed.
    ///
    /// Metadata after that chunk is dropped. The first write ends with a trailer; if the file is then longer than
    /// ``fileSize``, truncate it.
    ///
    /// - Throws: ``MCAPWriteError/notResumable(_:)``
    package init(resuming report: ScanReport, compression: Compression) throws(MCAPWriteError) {
        let resumption = try report.resumption()
        self.init(header: resumption.header, sync: resumption.sync, compression: compression)
        progress.phase = .open
        progress.end = resumption.end
        progress.fileSize = resumption.end + UInt64(Layout.trailer)
        progress.nextOrdinal = resumption.nextOrdinal
        progress.gap = resumption.gap
        owed = resumption.owedIndexes
        for index in report.metadataIndexes where index.offset < resumption.end { summary.add(index) }
        for chunk in report.chunks { summary.add(chunk.index, counts: chunk.messageCounts) }
        for schema in resumption.schemas { summary.add(schema) }
        for channel in resumption.channels { summary.add(channel) }
    }

    // MARK: - Encoding

    /// Magic, header, metadata: the start of the file. Call first, and once.
    package mutating func encodeStart(metadata: [Metadata]) {
        precondition(progress.phase == .new, "the file is started already")
        var next = beginOutput()
        buffer.append(Layout.magic)
        header.encode(into: &buffer)
        let indexes = append(metadata)
        next.gap.update(buffer.bytes)
        appendMarker(&next)
        next.phase = .open
        finish(next, adding: .metadata(indexes))
    }

    /// One chunk with its marker and message indexes.
    ///
    /// - Parameter compressing: false to store this chunk uncompressed.
    /// - Precondition: the chunk is not empty, and its channels are the same as in earlier chunks of the file.
    package mutating func encodeChunk(_ chunk: borrowing ChunkBuilder, compressing: Bool = true) {
        precondition(!chunk.isEmpty, "an empty chunk must not be written")
        var used: [Channel] = []
        for (slot, channel) in chunk.channels.enumerated() where !chunk.indexes.isEmpty(slot: slot) {
            if let known = summary.channel(channel.id) {
                precondition(known == channel, "channel id \(channel.id) means another channel in this file")
            } else {
                used.append(channel)
            }
        }
        var next = beginChunk()
        let chunkStart = buffer.count
        var index = encoder.append(chunk, to: &buffer, compressing: compressing)
        index.offset = outputOffset + UInt64(chunkStart)
        finishChunk(
            &next, index, chunk.indexes, channels: used, schemas: chunk.usedSchemas.compactMap { chunk.schemas[$0] })
    }

    /// Copies an intact chunk from another file byte for byte, with a new marker and new message indexes. Its times are
    /// corrected if they do not match its messages.
    ///
    /// - Throws: ``MCAPWriteError/chunkNotSelfContained(channelID:)``, ``MCAPWriteError/channelConflict(channelID:)``;
    ///   nothing is encoded then.
    package mutating func encodeCopy(of chunk: DecodedChunk) throws(MCAPWriteError) {
        if let id = chunk.foreignChannelID { throw .chunkNotSelfContained(channelID: id) }
        for (id, channel) in chunk.described {
            if let known = summary.channel(id), known != channel { throw .channelConflict(channelID: id) }
        }
        var next = beginChunk()
        let chunkStart = buffer.count
        buffer.append(Opcode.chunk.rawValue)
        buffer.append(UInt64(chunk.recordContent.count))
        buffer.append(chunk.recordContent)
        buffer.overwrite(chunk.startTime, at: chunkStart + Layout.recordHeader)
        buffer.overwrite(chunk.endTime, at: chunkStart + Layout.recordHeader + 8)
        var index = chunk.index
        index.offset = outputOffset + UInt64(chunkStart)
        index.length = UInt64(buffer.count - chunkStart)
        let channels = chunk.described.values.sorted { $0.id < $1.id }
        finishChunk(
            &next, index, chunk.messageIndexes, channels: channels,
            schemas: chunk.schemas.values.sorted { $0.id < $1.id })
    }

    /// Copies the messages of a chunk that ``encodeCopy(of:)`` refuses into a new chunk, byte for byte, with channels
    /// but without schemas.
    ///
    /// - Throws: ``MCAPWriteError/channelConflict(channelID:)``; nothing is encoded then.
    /// - Precondition: the chunk has messages.
    package mutating func encodeMessages(of chunk: DecodedChunk) throws(MCAPWriteError) {
        var builder = ChunkBuilder()
        for var channel in chunk.channels.values.sorted(by: { $0.id < $1.id }) {
            channel.schemaID = 0
            if let known = summary.channel(channel.id), known != channel {
                throw .channelConflict(channelID: channel.id)
            }
            builder.register(channel)
        }
        chunk.forEachMessage {
            builder.append(
                channelID: $0.channelID, sequence: $0.sequence, logTime: $0.logTime, publishTime: $0.publishTime,
                data: $0.data)
        }
        encodeChunk(builder)
    }

    /// Metadata, the end of the data and the summary. Call last, and once.
    package mutating func encodeEnd(metadata: [Metadata]) {
        precondition(progress.phase == .open, "only a started file can be closed, and once")
        var next = beginOutput()
        let metadataStart = buffer.count
        let indexes = append(metadata)
        next.gap.update(buffer.bytes(in: metadataStart..<buffer.count))
        appendMarker(&next)
        DataEnd().encode(into: &buffer)
        summary.encode(into: &buffer, at: outputOffset, with: indexes)
        next.end = outputOffset + UInt64(buffer.count)
        next.fileSize = next.end
        next.phase = .closed
        pending = (next, .metadata(indexes))
    }

    // MARK: - Writing

    /// The bytes to write; may be empty. Valid until the next mutating call.
    package var output: UnsafeRawBufferPointer { buffer.bytes }

    /// Position of ``output``, in bytes from the start of the file.
    package var outputOffset: UInt64 { progress.end }

    /// The output was written.
    package mutating func commit() {
        guard let (progress, addition) = pending else { preconditionFailure("nothing is encoded") }
        self.progress = progress
        switch addition {
        case .metadata(let indexes):
            for index in indexes { summary.add(index) }
        case .chunk(let index, let counts, let channels, let schemas):
            for schema in schemas { summary.add(schema) }
            for channel in channels { summary.add(channel) }
            summary.add(index, counts: counts)
        }
        owed = []
        discard()
    }

    /// The output was not written, or only partly: restores the previous state.
    package mutating func discard() {
        pending = nil
        buffer.removeAll(keepingAtMost: Memory.keptAtMost)
    }

    /// The 50 bytes at the end of an unclosed file: after a failed write, they and truncation to ``fileSize`` repair
    /// the file. Valid as long as this writer.
    package var trailer: UnsafeRawBufferPointer { trailerBuffer.bytes }

    /// Position of ``trailer``, in bytes from the start of the file.
    package var trailerOffset: UInt64 { progress.end }

    /// Committed size of the file, including the trailer; 0 before its start is committed.
    package var fileSize: UInt64 { progress.fileSize }

    /// Memory, in bytes, that the committed chunks need for the summary until the end.
    package var indexSize: Int { summary.indexSize }

    /// End of the last committed chunk record, in bytes from the start of the file; 0 without chunks.
    package var lastChunkEnd: UInt64 { summary.lastChunkEnd }

    /// Statistics of the committed chunks and metadata.
    package var statistics: Statistics { summary.statistics }

    /// Messages in the file.
    package var messageCount: UInt64 { summary.statistics.messageCount }
    /// Chunks in the file.
    package var chunkCount: Int { Int(summary.statistics.chunkCount) }

    // MARK: - Parts

    private static func appendTrailer(to buffer: inout GrowableBuffer) {
        DataEnd().encode(into: &buffer)
        Footer().encode(into: &buffer)
        buffer.append(Layout.magic)
    }

    /// Starts an output with what a resumed file lacks, and returns the progress to advance from.
    private mutating func beginOutput() -> Progress {
        precondition(pending == nil, "commit or discard the last output first")
        buffer.append(owed)
        var next = progress
        next.gap.update(buffer.bytes)
        return next
    }

    private mutating func beginChunk() -> Progress {
        precondition(progress.phase == .open, "chunks go between start and end")
        var next = beginOutput()
        appendMarker(&next)
        return next
    }

    private mutating func appendMarker(_ next: inout Progress) {
        let start = buffer.count
        let marker = Marker(
            sync: sync, ordinal: next.nextOrdinal, offset: outputOffset + UInt64(start), precedingCRC: next.gap.value)
        marker.encode(into: &buffer)
        next.nextOrdinal += 1
        next.gap.update(buffer.bytes(in: start..<buffer.count))
    }

    private mutating func append(_ metadata: [Metadata]) -> [MetadataIndex] {
        metadata.map {
            let start = buffer.count
            $0.encode(into: &buffer)
            return MetadataIndex(
                offset: outputOffset + UInt64(start), length: UInt64(buffer.count - start), name: $0.name)
        }
    }

    private mutating func finishChunk(
        _ next: inout Progress, _ index: ChunkIndex, _ indexes: borrowing MessageIndexes, channels: [Channel],
        schemas: [Schema]
    ) {
        var index = index
        let start = buffer.count
        index.messageIndexOffsets = indexes.encode(into: &buffer, at: outputOffset)
        index.messageIndexLength = UInt64(buffer.count - start)
        next.gap = CRC32()
        next.gap.update(buffer.bytes(in: start..<buffer.count))
        finish(next, adding: .chunk(index, counts: indexes.messageCounts, channels: channels, schemas: schemas))
    }

    /// Ends an output that leaves the file unclosed.
    private mutating func finish(_ next: Progress, adding addition: Addition) {
        var next = next
        next.end = outputOffset + UInt64(buffer.count)
        next.fileSize = next.end + UInt64(Layout.trailer)
        Self.appendTrailer(to: &buffer)
        pending = (next, addition)
    }
}
