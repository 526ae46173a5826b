import TestSupport
import Testing

@testable import MCAP

@Suite struct IndexedReaderTests {
    static let chunks = TestMessage.chunks(5, messagesEach: 20, dataSize: 10...50, seed: 81)

    private func reader(_ compression: Compression = .zstd(level: 1)) throws -> MCAPIndexedReader {
        try MCAPIndexedReader(MemorySource(Recording(Self.chunks, compression: compression, closed: true).bytes))
    }

    @Test func everythingIsFoundFromTheEnd() throws {
        let reader = try reader()
        #expect(reader.header == Recording.header)
        #expect(reader.channels == Dictionary(uniqueKeysWithValues: TestMessage.channels.map { ($0.id, $0) }))
        let statistics = try #require(reader.statistics)
        let messages = Self.chunks.flatMap { $0 }
        #expect(statistics.messageCount == 100)
        #expect(statistics.chunkCount == 5)
        #expect(statistics.channelCount == 3)
        #expect(statistics.metadataCount == 2)
        #expect(statistics.schemaCount == 0)
        #expect(statistics.attachmentCount == 0)
        #expect(statistics.startTime == messages.map(\.logTime).min())
        #expect(statistics.endTime == messages.map(\.logTime).max())
        for id in reader.channels.keys {
            #expect(statistics.channelMessageCounts[id] == UInt64(messages.count { $0.channelID == id }))
        }
        #expect(
            try reader.metadataIndexes.map { try reader.read($0) } == [Recording.startMetadata, Recording.endMetadata])
        // In any order, and kept for any time.
        let held = try reader.chunkIndexes.reversed().map { try reader.read($0) }
        #expect(held.reversed().map(\.messages) == Self.chunks)
    }

    @Test func chunksAreChosenByTimeAndChannel() throws {
        let reader = try reader()
        let starts = Self.chunks.map { $0[0].logTime }
        let ends = Self.chunks.map { $0[19].logTime }
        func chosen(from: UInt64? = nil, until: UInt64? = nil, channelIDs: Set<UInt16>? = nil) -> [Int] {
            let offsets = reader.chunks(from: from, until: until, channelIDs: channelIDs).map(\.offset)
            return reader.chunkIndexes.indices.filter { offsets.contains(reader.chunkIndexes[$0].offset) }
        }
        #expect(chosen() == [0, 1, 2, 3, 4])
        #expect(chosen(from: ends[1]) == [1, 2, 3, 4])
        #expect(chosen(from: ends[1] + 1) == [2, 3, 4])
        #expect(chosen(until: starts[2]) == [0, 1])
        #expect(chosen(until: starts[2] + 1) == [0, 1, 2])
        #expect(chosen(from: starts[1], until: ends[3]) == [1, 2, 3])
        #expect(chosen(channelIDs: [9]) == [])
        #expect(chosen(channelIDs: [700]) == [0, 1, 2, 3, 4])
        #expect(chosen(channelIDs: []) == [])
    }

    @Test func unclosedFileHasNoSummary() throws {
        let bytes = Recording(Self.chunks, compression: .none, closed: false).bytes
        #expect(throws: NoSummary.unclosed) { try MCAPIndexedReader(MemorySource(bytes)) }
    }

    @Test func everyCutIsRefused() async throws {
        let bytes = Recording(Array(Self.chunks[..<2]), compression: .zstd(level: 1), closed: true).bytes
        for cut in 0..<bytes.count {
            await Task.yield()
            #expect(throws: (any Error).self, "cut at \(cut)") {
                try MCAPIndexedReader(MemorySource(Array(bytes[..<cut])))
            }
        }
    }

    @Test func everyFlipIsDetectedOrHarmless() async throws {
        let seed: UInt64 = 82
        var random = SplitMix64(seed: seed)
        let recording = Recording(Array(Self.chunks[..<2]), compression: .zstd(level: 1), closed: true)
        for offset in recording.bytes.indices {
            await Task.yield()
            var bytes = recording.bytes
            bytes[offset] ^= .random(in: 1...255, using: &random)
            guard let reader = try? MCAPIndexedReader(MemorySource(bytes)) else { continue }
            try #require(reader.chunkIndexes.count == 2)
            for (number, index) in reader.chunkIndexes.enumerated() {
                guard let chunk = try? reader.read(index) else { continue }
                try #require(chunk.messages == Self.chunks[number], "byte \(offset), seed \(seed)")
            }
        }
    }

    @Test func damagedChunkIsThrown() throws {
        let recording = Recording(Self.chunks, compression: .none, closed: true)
        var bytes = recording.bytes
        bytes[recording.chunkRanges[1].upperBound - 1] ^= 1
        let reader = try MCAPIndexedReader(MemorySource(bytes))
        let error = #expect(throws: Damage.self) { try reader.read(reader.chunkIndexes[1]) }
        #expect(error?.offset == UInt64(recording.chunkRanges[1].lowerBound))
        #expect(error?.length == UInt64(recording.chunkRanges[1].count))
        #expect(try reader.read(reader.chunkIndexes[2]).messages == Self.chunks[2])
    }
}
