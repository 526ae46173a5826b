import Testing

@testable import MCAP

/// A stream may be endless: a reader's memory must not grow with it.
@Suite struct StreamMemoryTests {
    enum Kind: CaseIterable { case chunks, loose, attachment, metadata, unknown, ours }

    private static let size = 16 << 20
    private static let most = 4 << 20

    /// The start of the stream, and the part that repeats forever.
    private func parts(_ kind: Kind) -> (start: [UInt8], again: [UInt8]) {
        var start = GrowableBuffer()
        start.append(Layout.magic)
        Header(profile: "", library: "other").encode(into: &start)
        for channel in ForeignRecording.channels { channel.encode(into: &start) }
        var again = GrowableBuffer()
        let messages = TestMessage.chunks(1, messagesEach: 200, dataSize: 300...400, seed: 5)
        switch kind {
        case .chunks:
            let recording = ForeignRecording(messages, .init(packing: .zstd, isClosed: false))
            return (Array(start.bytes), Array(recording.bytes[recording.chunkRanges[0].lowerBound...]))
        case .loose:
            again.appendRecord(.message) {
                $0.append(UInt16(1))
                $0.append(Array(repeating: UInt8(0), count: 500))
            }
        case .attachment:
            // A single record that contains the rest of the stream.
            start.append(Opcode.attachment.rawValue)
            start.append(UInt64(40 + 16 + Self.size))
            start.append(Array(repeating: UInt8(0), count: 16))
            start.append("a.bin")
            start.append("application/octets")
            start.append(UInt64(40 + 16 + Self.size - 16 - 9 - 22 - 8 - 4))
            again.append(Array(repeating: UInt8(1), count: 1 << 12))
        case .metadata: Metadata(name: "m", entries: ["k": String(repeating: "v", count: 500)]).encode(into: &again)
        case .unknown:
            again.append(UInt8(0x90))
            again.append(UInt64(700))
            again.append(Array(repeating: UInt8(7), count: 700))
        case .ours:
            let recording = Recording(messages, compression: .none, closed: false)
            let chunk = recording.chunkRanges[0]
            return (Array(recording.bytes[..<chunk.lowerBound]), Array(recording.bytes[chunk]))
        }
        return (Array(start.bytes), Array(again.bytes))
    }

    @Test(arguments: Kind.allCases) func readingALongStreamTakesBoundedMemory(kind: Kind) throws {
        let (start, again) = parts(kind)
        var (given, next) = (0, start[...])
        let source = StreamSource { buffer in
            guard given < Self.size else { return 0 }
            if next.isEmpty { next = again[...] }
            let count = min(buffer.count, next.count)
            buffer.copyBytes(from: next.prefix(count))
            next = next.dropFirst(count)
            given += count
            return count
        }
        let reader = MCAPStreamReader(source, limits: ReadLimits(maximumDamages: 1_000_000))
        var (most, messages) = (0, 0)
        while let item = try reader.next() {
            if case .chunk(let chunk) = item { messages += chunk.messageCount }
            most = max(most, source.keptCount)
        }
        most = max(most, source.keptCount)
        #expect(most < Self.most, "\(kind): \(most) bytes kept")
        #expect(reader.damages.count < 5 || kind == .ours, "\(reader.damages.prefix(5))")
        switch kind {
        case .chunks, .loose: #expect(messages > 20_000)
        default: break
        }
    }

    /// A chunk with a thousand channels counts as a thousand.
    @Test func rememberedChunksAreBounded() {
        let chunk = DecodedChunk()
        for id in 0..<1_000 as Range<UInt16> {
            chunk.messageIndexes.append(slot: chunk.messageIndexes.makeSlot(for: id), logTime: 1, offset: 0)
        }
        var log = DataLog()
        for _ in 0..<1_000 { log.add(chunk, limit: DataLog.streamLimit) }
        #expect(log.isAbridged)
        #expect(log.chunks.count < 100)
    }
}
