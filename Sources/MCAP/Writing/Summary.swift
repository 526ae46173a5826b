/// The contents of the summary section, collected while the file is written.
///
/// Chunk indexes are kept as encoded records: each lists every channel of its chunk, so with a thousand channels a map
/// per chunk would dominate memory.
struct Summary: ~Copyable {
    private(set) var statistics = Statistics()
    /// In order of their first message.
    private var channels: [Channel] = []
    /// In order of their first use.
    private var schemas: [Schema] = []
    private var positions: [UInt16: Int] = [:]
    private var chunkIndexes = GrowableBuffer()
    /// End of the last chunk record, in bytes from the start of the file; 0 without chunks.
    private(set) var lastChunkEnd: UInt64 = 0
    private var metadata: [MetadataIndex] = []

    /// Bytes of the chunk indexes.
    var indexSize: Int { chunkIndexes.count }

    func channel(_ id: UInt16) -> Channel? { positions[id].map { channels[$0] } }

    mutating func add(_ schema: Schema) {
        guard !schemas.contains(where: { $0.id == schema.id }) else { return }
        schemas.append(schema)
        statistics.schemaCount += 1
    }

    mutating func add(_ channel: Channel) {
        guard positions[channel.id] == nil else { return }
        positions[channel.id] = channels.count
        channels.append(channel)
        statistics.channelCount += 1
    }

    mutating func add(_ chunk: ChunkIndex, counts: [UInt16: UInt64]) {
        chunk.encode(into: &chunkIndexes)
        lastChunkEnd = chunk.chunkEnd
        statistics.add(chunkFrom: chunk.startTime, until: chunk.endTime, counts: counts)
    }

    mutating func add(_ index: MetadataIndex) {
        metadata.append(index)
        statistics.metadataCount += 1
    }

    /// Appends summary section, summary offset section, footer and magic.
    ///
    /// - Parameters:
    ///   - bufferOffset: position of the first byte of `buffer` in the file.
    ///   - last: metadata to write last.
    func encode(into buffer: inout GrowableBuffer, at bufferOffset: UInt64, with last: [MetadataIndex]) {
        var statistics = statistics
        statistics.metadataCount += UInt32(last.count)
        let start = buffer.count
        var groups: [SummaryOffset] = []
        func group(_ opcode: Opcode, in buffer: inout GrowableBuffer, _ records: (inout GrowableBuffer) -> Void) {
            let begin = buffer.count
            records(&buffer)
            guard buffer.count > begin else { return }
            groups.append(
                SummaryOffset(
                    group: opcode, start: bufferOffset + UInt64(begin), length: UInt64(buffer.count - begin)))
        }
        // Schemas precede the channels that refer to them.
        group(.schema, in: &buffer) { for schema in schemas { schema.encode(into: &$0) } }
        // Channels precede the statistics, which count by channel.
        group(.channel, in: &buffer) { for channel in channels { channel.encode(into: &$0) } }
        group(.statistics, in: &buffer) { statistics.encode(into: &$0) }
        group(.chunkIndex, in: &buffer) { $0.append(chunkIndexes.bytes) }
        group(.metadataIndex, in: &buffer) { for index in metadata + last { index.encode(into: &$0) } }
        let offsetStart = buffer.count
        for group in groups { group.encode(into: &buffer) }

        var footer = Footer(
            summaryStart: bufferOffset + UInt64(start), summaryOffsetStart: bufferOffset + UInt64(offsetStart))
        let footerStart = buffer.count
        footer.encode(into: &buffer)
        let covered = start..<footerStart + Layout.recordHeader + Layout.footerCovered
        footer.summaryCRC = CRC32.of(buffer.bytes(in: covered))
        buffer.truncate(to: footerStart)
        footer.encode(into: &buffer)
        buffer.append(Layout.magic)
    }
}
