@testable import MCAP

/// A file written in memory, and its history.
struct Recording {
    static let header = Header(profile: "signalr-backplane", library: "backplane-relay/test")
    static let sync = SyncMarker(first: 0x0123_4567_89AB_CDEF, second: 0xFEDC_BA98_7654_3210)
    static let startMetadata = Metadata(name: "capture", entries: ["host": "a", "run_id": "0123"])
    static let endMetadata = Metadata(name: "capture.end", entries: ["envelopes": "12"])

    var bytes: [UInt8] = []
    /// The file after each write.
    var states: [[UInt8]] = []
    var chunks: [[TestMessage]] = []
    /// Offset of each chunk record.
    var chunkRanges: [Range<Int>] = []
    /// End of the leading metadata: after the first marker.
    var startEnd = 0

    init(
        _ chunks: [[TestMessage]], compression: Compression, closed: Bool, sync: SyncMarker = Recording.sync,
        channels: [Channel] = TestMessage.channels
    ) {
        self.chunks = chunks
        var writer = MCAPWriter(header: Self.header, sync: sync, compression: compression)
        writer.encodeStart(metadata: [Self.startMetadata])
        perform(&writer)
        startEnd = Int(writer.trailerOffset)
        var builder = ChunkBuilder()
        for channel in channels { builder.register(channel) }
        for chunk in chunks {
            builder.append(chunk)
            writer.encodeChunk(builder)
            perform(&writer)
            builder.reset()
        }
        if closed {
            writer.encodeEnd(metadata: [Self.endMetadata])
            perform(&writer)
        }
        findChunks()
    }

    static func builder() -> ChunkBuilder {
        var builder = ChunkBuilder()
        for channel in TestMessage.channels { builder.register(channel) }
        return builder
    }

    /// Writes the writer's output and commits it.
    private mutating func perform(_ writer: inout MCAPWriter) {
        bytes.write(writer.output, at: writer.outputOffset)
        writer.commit()
        precondition(writer.fileSize == UInt64(bytes.count), "fileSize \(writer.fileSize), written \(bytes.count)")
        states.append(bytes)
    }

    private mutating func findChunks() {
        var position = Layout.magic.count
        while position < bytes.count - Layout.magic.count {
            let length = bytes[position + 1..<position + 9].reversed().reduce(0) { $0 << 8 | Int($1) }
            let end = position + Layout.recordHeader + length
            if bytes[position] == Opcode.chunk.rawValue { chunkRanges.append(position..<end) }
            position = end
        }
    }
}

extension [UInt8] {
    /// Like pwrite.
    mutating func write(_ output: UnsafeRawBufferPointer, at offset: UInt64) {
        let start = Int(offset)
        if count < start + output.count { append(contentsOf: repeatElement(0, count: start + output.count - count)) }
        withUnsafeMutableBytes { $0[start..<start + output.count].copyBytes(from: output) }
    }
}

extension ChunkBuilder {
    mutating func append(_ messages: [TestMessage]) {
        for message in messages {
            message.data.withUnsafeBytes {
                append(
                    channelID: message.channelID, sequence: message.sequence, logTime: message.logTime,
                    publishTime: message.publishTime, data: $0)
            }
        }
    }
}
