@testable import MCAP

/// A file in the form of other writers: without markers, and with much freedom for the writer.
struct ForeignRecording {
    enum Packing: CaseIterable { case stored, zstd, lz4 }

    struct Style {
        var packing: Packing
        var hasIndexes = true
        var hasCRC = true
        /// With data end, summary and footer.
        var isClosed = true
        /// Each chunk describes its channels; otherwise they are before the first chunk and in the summary only.
        var isSelfContained = true
    }

    static let channels = [1, 2, 700].map { Channel(id: $0, topic: "/foreign/\($0)", messageEncoding: "cdr") }

    let chunks: [[TestMessage]]
    private(set) var bytes: [UInt8] = []
    private(set) var chunkRanges: [Range<Int>] = []
    /// The end of the data.
    private(set) var tailStart = 0

    init(_ chunks: [[TestMessage]], _ style: Style, channels: [Channel] = ForeignRecording.channels) {
        self.chunks = chunks
        var buffer = GrowableBuffer()
        buffer.append(Layout.magic)
        Header(profile: "", library: "other").encode(into: &buffer)
        if !style.isSelfContained { for channel in channels { channel.encode(into: &buffer) } }
        for messages in chunks {
            var records = GrowableBuffer()
            if style.isSelfContained { for channel in channels { channel.encode(into: &records) } }
            var indexes = MessageIndexes()
            for message in messages {
                indexes.append(
                    slot: indexes.makeSlot(for: message.channelID), logTime: message.logTime,
                    offset: UInt64(records.count))
                records.appendRecord(.message) {
                    $0.append(message.channelID)
                    $0.append(message.sequence)
                    $0.append(message.logTime)
                    $0.append(message.publishTime)
                    $0.append(message.data)
                }
            }
            let start = buffer.count
            Self.append(Array(records.bytes), of: messages, style, to: &buffer)
            chunkRanges.append(start..<buffer.count)
            if style.hasIndexes { _ = indexes.encode(into: &buffer, at: 0) }
        }
        tailStart = buffer.count
        if style.isClosed {
            DataEnd().encode(into: &buffer)
            let start = UInt64(buffer.count)
            for channel in channels { channel.encode(into: &buffer) }
            Footer(summaryStart: start).encode(into: &buffer)
            buffer.append(Layout.magic)
        }
        bytes = Array(buffer.bytes)
    }

    private static func append(
        _ records: [UInt8], of messages: [TestMessage], _ style: Style, to buffer: inout GrowableBuffer
    ) {
        var (name, data) = ("", records)
        switch style.packing {
        case .stored: break
        case .zstd:
            var packed = GrowableBuffer()
            if let compressor = ZstdCompressor(level: 1),
                records.withUnsafeBytes({ compressor.append($0, to: &packed) })
            {
                (name, data) = ("zstd", Array(packed.bytes))
            }
        case .lz4: (name, data) = ("lz4", lz4(records))
        }
        buffer.appendRecord(.chunk) {
            $0.append(messages.map(\.logTime).min() ?? 0)
            $0.append(messages.map(\.logTime).max() ?? 0)
            $0.append(UInt64(records.count))
            $0.append(style.hasCRC ? records.withUnsafeBytes { CRC32.of($0) } : 0)
            $0.append(name)
            $0.append(UInt64(data.count))
            $0.append(data)
        }
    }

    /// One frame with one uncompressed block, without checksums.
    private static func lz4(_ records: [UInt8]) -> [UInt8] {
        let size = UInt32(records.count) | 1 << 31
        return [0x04, 0x22, 0x4D, 0x18, 0x60, 0x40, 0x82] + withUnsafeBytes(of: size.littleEndian, Array.init) + records
            + [0, 0, 0, 0]
    }
}
