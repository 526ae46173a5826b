import TestSupport
import Testing

@testable import MCAP

@Suite struct RoundTripTests {
    @Test(arguments: [Compression.none, .zstd(level: 1), .zstd(level: 9)], [false, true])
    func messagesComeBack(compression: Compression, closed: Bool) throws {
        let chunks = TestMessage.chunks(5, messagesEach: 200, dataSize: 0...400, seed: 1)
        let recording = Recording(chunks, compression: compression, closed: closed)
        let reading = try Reading(recording.bytes)
        #expect(reading.damages == [])
        #expect(reading.ending == (closed ? .closed : .unclosed))
        #expect(reading.header == Recording.header)
        #expect(reading.metadata == [Recording.startMetadata] + (closed ? [Recording.endMetadata] : []))
        #expect(reading.chunks.map(\.messages) == chunks)
    }

    @Test func chunkDescribesItself() throws {
        let chunks = TestMessage.chunks(1, messagesEach: 50, dataSize: 10...90, seed: 2)
        let recording = Recording(chunks, compression: .zstd(level: 1), closed: true)
        let reader = try MCAPIndexedReader(MemorySource(recording.bytes))
        let chunk = try reader.read(reader.chunkIndexes[0])
        let times = chunks[0].map(\.logTime)
        #expect(chunk.startTime == times.min())
        #expect(chunk.endTime == times.max())
        #expect(chunk.messageCount == 50)
        #expect(chunk.compression == "zstd")
        #expect(chunk.compressedSize < chunk.uncompressedSize)
        #expect(chunk.channels == Dictionary(uniqueKeysWithValues: TestMessage.channels.map { ($0.id, $0) }))
        #expect(chunk.messageCounts.values.reduce(0, +) == 50)
    }

    @Test func logTimesMayGoBack() throws {
        var messages = TestMessage.chunks(1, messagesEach: 9, dataSize: 1...9, seed: 3)[0]
        messages.swapAt(0, 8)
        let recording = Recording([messages], compression: .none, closed: true)
        let reading = try Reading(recording.bytes)
        #expect(reading.damages == [])
        #expect(reading.messages == messages)
    }

    @Test func oversizedMessage() throws {
        var chunks = TestMessage.chunks(3, messagesEach: 1, dataSize: 1...9, seed: 4)
        chunks[1][0].data = Array(repeating: 7, count: 5 << 20)
        for compression in [Compression.none, .zstd(level: 1)] {
            let recording = Recording(chunks, compression: compression, closed: true)
            let reading = try Reading(recording.bytes)
            #expect(reading.damages == [])
            #expect(reading.chunks.map(\.messages) == chunks)
        }
    }

    @Test func incompressibleChunkIsStored() throws {
        var random = SplitMix64(seed: 5)
        var chunks = TestMessage.chunks(1, messagesEach: 1, dataSize: 1...1, seed: 5)
        chunks[0][0].data = (0..<10_000).map { _ in .random(in: 0...255, using: &random) }
        let recording = Recording(chunks, compression: .zstd(level: 1), closed: true)
        let reader = try MCAPIndexedReader(MemorySource(recording.bytes))
        #expect(reader.chunkIndexes[0].compression == "")
        #expect(reader.chunkIndexes[0].compressedSize == reader.chunkIndexes[0].uncompressedSize)
        #expect(try reader.read(reader.chunkIndexes[0]).messages == chunks[0])
    }

    @Test func fileWithoutChunks() throws {
        for closed in [false, true] {
            let reading = try Reading(Recording([], compression: .none, closed: closed).bytes)
            #expect(reading.damages == [])
            #expect(reading.chunks.isEmpty)
            #expect(reading.ending == (closed ? .closed : .unclosed))
        }
    }

    @Test func zstdFrameHasContentSizeAndChecksum() throws {
        let chunks = TestMessage.chunks(1, messagesEach: 50, dataSize: 10...90, seed: 6)
        let recording = Recording(chunks, compression: .zstd(level: 1), closed: false)
        // Data follows opcode, length, two times, size, CRC, "zstd" and its own length.
        let frame = recording.bytes[(recording.chunkRanges[0].lowerBound + 9 + 8 + 8 + 8 + 4 + 8 + 8)...]
        #expect(frame.prefix(4).elementsEqual([0x28, 0xB5, 0x2F, 0xFD]))
        let descriptor = frame[frame.startIndex + 4]
        #expect(descriptor & 0b100 != 0, "content checksum flag")
        #expect(descriptor & 0b1110_0000 != 0, "content size or single segment flag")
    }
}
