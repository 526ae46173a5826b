/// A chunk, decompressed and checked.
///
/// A reader reuses a chunk's memory once it holds the only reference. Not thread-safe.
package final class DecodedChunk {
    /// Position of the chunk, without its message indexes.
    private(set) var index: ChunkIndex
    /// The channels that the chunk's messages are on.
    package private(set) var channels: [UInt16: Channel] = [:]
    /// Messages in it, of all channels.
    package private(set) var messageCount = 0
    /// True for messages that are outside chunks in the file.
    package private(set) var isLoose = false
    /// Number of its file among concatenated files, from 0. Each file has its own channels.
    package private(set) var fileNumber = 0

    /// As stored in the chunk; 0 = none.
    private(set) var uncompressedCRC: UInt32 = 0
    /// The content of the chunk record as it is in the file, up to the end of its data.
    private var record = GrowableBuffer()
    /// The decompressed records, unless they are in `record`.
    private var inflated = GrowableBuffer()
    /// The uncompressed records, in one of the two buffers above.
    @usableFromInline private(set) var records = UnsafeRawBufferPointer(start: nil, count: 0)
    var messageIndexes = MessageIndexes()
    /// All channels described in the chunk, with or without messages.
    private(set) var described: [UInt16: Channel] = [:]
    /// The schemas in the chunk, in a file of ours.
    package private(set) var schemas: [UInt16: Schema] = [:]
    /// A channel with messages in the chunk that it does not describe, or whose schema it lacks.
    private(set) var foreignChannelID: UInt16?

    init() {
        index = ChunkIndex(
            startTime: 0, endTime: 0, offset: 0, length: 0, messageIndexOffsets: [:], messageIndexLength: 0,
            compression: "", compressedSize: 0, uncompressedSize: 0)
    }

    /// Earliest log time of its messages, nanoseconds since 1970; 0 without messages.
    package var startTime: UInt64 { index.startTime }
    /// Latest log time of its messages, nanoseconds since 1970; 0 without messages.
    package var endTime: UInt64 { index.endTime }
    /// Bytes from the start of the file to the chunk record.
    package var offset: UInt64 { index.offset }
    /// Bytes of the whole chunk record.
    package var length: UInt64 { index.length }
    /// `zstd`, `lz4`, or the empty string for a stored chunk.
    package var compression: String { index.compression }
    /// Bytes of its records in the file.
    package var compressedSize: UInt64 { index.compressedSize }
    /// Bytes of its records uncompressed.
    package var uncompressedSize: UInt64 { index.uncompressedSize }

    /// Number of messages by channel.
    package var messageCounts: [UInt16: UInt64] { messageIndexes.messageCounts }

    var recordContent: UnsafeRawBufferPointer { record.bytes }

    /// Calls `body` with each message, in the order of the file.
    @inlinable
    package func forEachMessage<E: Error>(_ body: (ChunkMessage) throws(E) -> Void) throws(E) {
        // All lengths were validated when the chunk was decoded.
        var position = 0
        while position < records.count {
            let record = records.baseAddress.unsafelyUnwrapped + position
            let length = Int(UInt64(littleEndian: record.loadUnaligned(fromByteOffset: 1, as: UInt64.self)))
            if record.load(as: UInt8.self) == 0x05 {
                try body(ChunkMessage(content: record + 9, count: length))
            }
            position &+= 9 &+ length
        }
        withExtendedLifetime(self) {}
    }
}

/// One message inside of a ``DecodedChunk``. `data` is valid only during the call it is passed to.
///
/// MCAP specification: "Message (op=0x05)".
@frozen
package struct ChunkMessage {
    /// Of the channel that the file declares.
    package let channelID: UInt16
    /// As the writer counted; 0 where it did not.
    package let sequence: UInt32
    /// When it was received, nanoseconds since 1970.
    package let logTime: UInt64
    /// When it was published, nanoseconds since 1970.
    package let publishTime: UInt64
    /// In place: valid as long as the decoded chunk.
    package let data: UnsafeRawBufferPointer

    /// From a message record that has been validated.
    @inlinable
    init(content: UnsafeRawPointer, count: Int) {
        channelID = UInt16(littleEndian: content.loadUnaligned(as: UInt16.self))
        sequence = UInt32(littleEndian: content.loadUnaligned(fromByteOffset: 2, as: UInt32.self))
        logTime = UInt64(littleEndian: content.loadUnaligned(fromByteOffset: 6, as: UInt64.self))
        publishTime = UInt64(littleEndian: content.loadUnaligned(fromByteOffset: 14, as: UInt64.self))
        data = UnsafeRawBufferPointer(start: content + 22, count: count - 22)
    }
}

/// What a decoder puts in.
extension DecodedChunk {
    /// Removes the contents; the memory is kept.
    func clear() {
        record.truncate(to: 0)
        inflated.truncate(to: 0)
        records = UnsafeRawBufferPointer(start: nil, count: 0)
        isLoose = false
    }

    /// Appends to the content of the record.
    ///
    /// - Returns: false if the source has fewer than `count` bytes.
    func append(from window: SourceWindow, at offset: UInt64, count: Int) throws -> Bool {
        try window.append(at: offset, count: count, to: &record)
    }

    /// Removes fields of a later format, which must not be copied into a file of ours.
    func truncate(to count: Int) { record.truncate(to: count) }

    /// - Parameter data: the uncompressed records, within the content of the record.
    func store(_ data: UnsafeRawBufferPointer) { records = data }

    /// - Parameter decompress: appends the uncompressed records.
    func inflate(_ decompress: (inout GrowableBuffer) throws(RecordFault) -> Void) throws(RecordFault) {
        try decompress(&inflated)
        records = inflated.bytes
    }

    /// - Parameters:
    ///   - frame: the chunk's record.
    ///   - compressedSize: bytes of its records in it.
    func describe(_ header: ChunkHeader, in frame: RecordFrame, compressedSize: Int) {
        uncompressedCRC = header.uncompressedCRC
        index = ChunkIndex(
            startTime: header.startTime, endTime: header.endTime, offset: frame.start, length: frame.size,
            messageIndexOffsets: [:], messageIndexLength: 0, compression: header.compression,
            compressedSize: UInt64(compressedSize), uncompressedSize: header.uncompressedSize)
    }

    /// - Parameter number: of its file among concatenated files.
    func put(inFile number: Int) { fileNumber = number }
}

extension DecodedChunk {
    /// Validates every length in the uncompressed records, and collects channels, times and message indexes.
    ///
    /// - Parameter keepsSchemas: for files of ours, whose chunks contain the schemas of their channels.
    func walk(channels known: inout ChannelTable, keepsSchemas: Bool) throws(RecordFault) {
        messageIndexes.removeMessages()
        messageCount = 0
        described.removeAll(keepingCapacity: true)
        if !schemas.isEmpty { schemas.removeAll() }
        var earliest = UInt64.max
        var latest: UInt64 = 0
        var position = 0
        while position < records.count {
            guard records.count - position >= Layout.recordHeader else { throw Self.malformed("length") }
            let length = UInt64(littleEndian: records.loadUnaligned(fromByteOffset: position + 1, as: UInt64.self))
            let contentStart = position + Layout.recordHeader
            guard length <= UInt64(records.count - contentStart) else { throw Self.malformed("length") }
            let content = UnsafeRawBufferPointer(rebasing: records[contentStart..<contentStart + Int(length)])
            switch records[position] {
            case Opcode.message.rawValue:
                guard content.count >= Layout.messageHeader else { throw Self.malformed("message") }
                let channelID = UInt16(littleEndian: content.loadUnaligned(as: UInt16.self))
                let logTime = UInt64(littleEndian: content.loadUnaligned(fromByteOffset: 6, as: UInt64.self))
                messageIndexes.append(
                    slot: try slot(of: channelID, known), logTime: logTime, offset: UInt64(position))
                earliest = min(earliest, logTime)
                latest = max(latest, logTime)
                messageCount += 1
            case Opcode.channel.rawValue:
                let channel: Channel
                do { channel = try Channel(content: content) } catch { throw Self.malformed("channel") }
                try known.add(channel)
                described[channel.id] = channel
            case Opcode.schema.rawValue where keepsSchemas:
                guard let schema = try? Schema(content: content) else { throw Self.malformed("schema") }
                known.add(schema)
                schemas[schema.id] = schema
            default:
                // From a later format or another program.
                break
            }
            position = contentStart + Int(length)
        }
        index.startTime = messageCount == 0 ? 0 : earliest
        index.endTime = latest
        collectChannels(known)
    }

    /// The same for messages outside chunks, which are in `record`.
    ///
    /// - Parameter range: their position in the file.
    func walkLoose(at range: Range<UInt64>, channels known: inout ChannelTable) throws(RecordFault) {
        records = record.bytes
        isLoose = true
        index = ChunkIndex(
            startTime: 0, endTime: 0, offset: range.lowerBound, length: range.upperBound - range.lowerBound,
            messageIndexOffsets: [:], messageIndexLength: 0, compression: "", compressedSize: UInt64(records.count),
            uncompressedSize: UInt64(records.count))
        try walk(channels: &known, keepsSchemas: false)
    }

    private func slot(of channelID: UInt16, _ known: ChannelTable) throws(RecordFault) -> Int {
        let slot = messageIndexes.slot(of: channelID)
        // An empty slot may come from another chunk that was lost together with its channels.
        if slot >= 0, !messageIndexes.isEmpty(slot: slot) { return slot }
        guard known.byID[channelID] != nil else {
            throw RecordFault(reason: .unknownChannel(channelID), framingHolds: true)
        }
        return messageIndexes.makeSlot(for: channelID)
    }

    private func collectChannels(_ known: ChannelTable) {
        channels.removeAll(keepingCapacity: true)
        foreignChannelID = described.values.first { $0.schemaID != 0 && schemas[$0.schemaID] == nil }?.id
        for slot in 0..<messageIndexes.slotCount where !messageIndexes.isEmpty(slot: slot) {
            let id = messageIndexes.channelID(ofSlot: slot)
            guard let channel = known.byID[id] else { continue }
            channels[id] = channel
            if described[id] == nil { foreignChannelID = id }
        }
    }

    private static func malformed(_ field: String) -> RecordFault {
        RecordFault(reason: .malformed(opcode: Opcode.chunk.rawValue, field: "records (\(field))"), framingHolds: true)
    }
}
