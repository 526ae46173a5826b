import TestSupport
import Testing

@testable import MCAP

/// Files of valid records with valid checksums in any order, whose numbers are anything: offsets, ordinals, sizes, times
/// and counts. A reader may find what it likes; it must not stop the program.
///
/// Random damage never gets there: what it changes is discarded for its checksum.
@Suite struct HostileFieldTests {
    @Test func anyNumberInAnyRecordIsRead() async throws {
        var random = SplitMix64.announced()
        for _ in 0..<2_000 {
            await Task.yield()
            try HostileFile(&random).read()
        }
    }
}

struct HostileFile {
    private(set) var bytes: [UInt8] = Layout.magic

    init(_ random: inout SplitMix64) {
        var buffer = GrowableBuffer()
        Header(profile: "", library: "x").encode(into: &buffer)
        if Int.random(in: 0..<9, using: &random) > 0 { bytes += Array(buffer.bytes) }
        for _ in 0..<Int.random(in: 1...14, using: &random) { append(&random) }
        if Bool.random(using: &random) { close(&random) }
    }

    /// Any number, often one at the edge of a calculation.
    private func any(_ random: inout SplitMix64) -> UInt64 {
        let size = UInt64(bytes.count)
        let near = [0, size, 1 << 32, 1 << 63, size &+ 1 << 63, 0 &- size, 0].randomElement(using: &random) ?? 0
        return Int.random(in: 0..<9, using: &random) == 0
            ? random.next() : near &+ UInt64.random(in: 0...60, using: &random) &- 30
    }

    private mutating func append(_ random: inout SplitMix64) {
        var buffer = GrowableBuffer()
        switch Int.random(in: 0..<16, using: &random) {
        case 0...4:
            let isTrue = Bool.random(using: &random)
            let marker = Marker(
                sync: SyncMarker(first: .random(in: 0...2, using: &random), second: 0),
                ordinal: isTrue ? .random(in: 0...5, using: &random) : any(&random),
                offset: isTrue ? UInt64(bytes.count) : any(&random), precedingCRC: 0)
            marker.encode(into: &buffer)
        case 5...8: buffer.append(chunk(&random))
        case 9:
            buffer.appendRecord(.messageIndex) {
                $0.append(UInt16(1))
                $0.append(UInt32(16))
                $0.append(any(&random))
                $0.append(any(&random))
            }
        case 10: DataEnd(dataSectionCRC: Bool.random(using: &random) ? 0 : 7).encode(into: &buffer)
        case 11: close(&random)
        case 12: bytes += Array(repeating: 0x55, count: .random(in: 1...80, using: &random))
        case 13:
            // A length that leads anywhere.
            buffer.append(UInt8.random(in: 1...0x81, using: &random))
            buffer.append(any(&random))
            buffer.append(any(&random))
        case 14:
            buffer.append(Layout.magic)
            Header(profile: "", library: "y").encode(into: &buffer)
        default:
            TestMessage.channels[0].encode(into: &buffer)
            buffer.appendRecord(.message) {
                $0.append(UInt16(1))
                $0.append(UInt32.max)
                $0.append(any(&random))
                $0.append(any(&random))
            }
        }
        bytes += Array(buffer.bytes)
    }

    private func chunk(_ random: inout SplitMix64) -> [UInt8] {
        let recording = Recording(
            TestMessage.chunks(1, messagesEach: 2, dataSize: 1...50, seed: .random(in: 0...4, using: &random)),
            compression: Bool.random(using: &random) ? .none : .zstd(level: 1), closed: false)
        let range = recording.chunkRanges[0]
        var chunk = Array(recording.bytes[range])
        // One of length, times, size, CRC and the length of the records may be anything.
        for place in [1, 9, 17, 25, 33, 45] where Int.random(in: 0..<12, using: &random) == 0 {
            withUnsafeBytes(of: any(&random).littleEndian) { chunk.replaceSubrange(place..<place + 8, with: $0) }
        }
        guard Bool.random(using: &random) else { return chunk }
        // Its message indexes.
        return chunk + recording.bytes[range.upperBound..<recording.bytes.count - Layout.trailer]
    }

    /// A summary with any contents and a valid CRC.
    private mutating func close(_ random: inout SplitMix64) {
        let start = UInt64(bytes.count)
        var buffer = GrowableBuffer()
        if Bool.random(using: &random) {
            var statistics = Statistics()
            statistics.messageCount = any(&random)
            statistics.chunkCount = UInt32(truncatingIfNeeded: any(&random))
            statistics.channelMessageCounts = [1: any(&random)]
            statistics.encode(into: &buffer)
        }
        for _ in 0..<Int.random(in: 0...2, using: &random) {
            let index = ChunkIndex(
                startTime: any(&random), endTime: any(&random), offset: any(&random), length: any(&random),
                messageIndexOffsets: [1: any(&random)], messageIndexLength: any(&random), compression: "",
                compressedSize: any(&random), uncompressedSize: any(&random))
            index.encode(into: &buffer)
            MetadataIndex(offset: any(&random), length: any(&random), name: "m").encode(into: &buffer)
        }
        let isTrue = Bool.random(using: &random)
        var footer = Footer(
            summaryStart: isTrue ? start : any(&random), summaryOffsetStart: isTrue ? 0 : any(&random))
        let end = buffer.count
        footer.encode(into: &buffer)
        footer.summaryCRC = CRC32.of(buffer.bytes(in: 0..<end + Layout.recordHeader + Layout.footerCovered))
        buffer.truncate(to: end)
        footer.encode(into: &buffer)
        buffer.append(Layout.magic)
        bytes += Array(buffer.bytes)
    }

    /// Everything that reads a file.
    func read() throws {
        let reading = try Reading(bytes)
        _ = reading.damages.map { "\($0) \($0.unreadBytes)" }
        _ = try Reading(bytes, limits: ReadLimits(maximumRecordSize: 1 << 16, maximumDamages: 3), tailMayGrow: true)
        var rest = bytes[...]
        let stream = StreamSource { buffer in
            let piece = rest.prefix(min(buffer.count, 60))
            rest = rest.dropFirst(piece.count)
            buffer.copyBytes(from: piece)
            return piece.count
        }
        _ = try Reading(stream)
        let report = try Recovery.scan(MemorySource(bytes))
        if var writer = try? MCAPWriter(resuming: report, compression: .none) { writer.encodeEnd(metadata: []) }
        guard let indexed = try? MCAPIndexedReader(MemorySource(bytes)) else { return }
        for index in indexed.chunkIndexes { _ = try? indexed.read(index) }
        for index in indexed.metadataIndexes { _ = try? indexed.read(index) }
    }
}
