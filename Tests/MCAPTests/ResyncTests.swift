import TestSupport
import Testing

@testable import MCAP

/// A chunk with intact bytes is found, from any writer, at any position and between any data.
///
/// The expectation is derived from the bytes alone, without the reader. Chunks that ``Wreck`` calls hidden are
/// excluded: data within another chunk may be the payload of a message, which anyone can send.
@Suite struct ResyncTests {
    @Test(arguments: 1...4) func completeChunksAreFoundAfterDamage(damages: Int) async throws {
        var random = SplitMix64.announced(for: "completeChunksAreFoundAfterDamage(\(damages))")
        for round in 0..<500 {
            await Task.yield()
            var wreck = Wreck(&random)
            for _ in 0..<damages { wreck.damage(&random) }
            let failures = try wreck.failures()
            try #require(failures == [], "round \(round): \(wreck.history)")
        }
    }

    /// Wrecks that were read wrongly, or of which more was expected than their bytes say. The first six were found with
    /// seed 1160352935990807949.
    @Test(
        arguments: [
            // A file with a damaged start, and two markers at once, follows another program's finished file.
            7_884_905_020_408_611_918,
            // The same, but the summary of the finished file is damaged.
            17_902_679_946_763_821_362,
            // The start is gone: the first marker is single, and its file goes on behind another one.
            12_602_323_379_957_423_289,
            // Ambiguous: a chunk without checksum, a torn message outside chunks, another checksum of the data.
            14_036_570_856_887_937_528, 10_396_114_473_309_781_374, 12_267_496_079_962_005_690,
            // After a damaged marker there are chunks of another program, and one of them has a wrong length.
            15_042_082_955_933_521_681, 290_295_221_613_257_006,
            // Ambiguous: torn, followed by a channel as within a chunk, within a chunk with other times.
            14_135_933_046_440_562_201, 11_044_720_813_849_959_452, 10_008_936_459_116_737_525,
            // A loose message is not proven: a chunk begins inside it.
            4_629_385_960_771_537_442,
            // As the third, with more markers between.
            10_385_113_801_865_689_270,
            // The chunk behind the first marker is lost, so that the marker seems to belong to the file before it.
            3_495_563_115_925_124_781,
            // A marker begins inside the apparent footer.
            784_120_089_102_473_248,
        ] as [UInt64]) func knownWrecksAreRead(seed: UInt64) throws
    {
        var random = SplitMix64(seed: seed)
        var wreck = Wreck(&random)
        for _ in 0..<Int.random(in: 1...4, using: &random) { wreck.damage(&random) }
        #expect(try wreck.failures() == [], "\(wreck.history)")
    }

    @Test func fileWithADamagedStartBehindAFinishedOneIsAnother() throws {
        let contents = TestMessage.chunks(4, messagesEach: 3, dataSize: 5...40, seed: 11)
        let finished = ForeignRecording(contents, ForeignRecording.Style(packing: .zstd, hasIndexes: false))
        let ours = Recording(
            contents.reversed(), compression: .none, closed: false, channels: TestMessage.otherChannels)
        var bytes = ours.bytes
        // The length of the header, and the second chunk's marker.
        bytes[Layout.magic.count + 1] ^= 1
        for place in ours.chunkRanges[1].lowerBound - Marker.recordSize..<ours.chunkRanges[1].lowerBound {
            bytes[place] = 0
        }
        let reader = MCAPStreamReader(MemorySource(finished.bytes + bytes))
        var chunks: [(file: Int, offset: Int)] = []
        while let item = try reader.next() {
            if case .chunk(let chunk) = item { chunks.append((reader.fileNumber, Int(chunk.offset))) }
        }
        #expect(chunks.map(\.file) == [0, 0, 0, 0, 1, 1, 1, 1])
        #expect(
            chunks.map(\.offset)
                == finished.chunkRanges.map(\.lowerBound)
                + ours.chunkRanges.map { $0.lowerBound + finished.bytes.count })
    }
}
