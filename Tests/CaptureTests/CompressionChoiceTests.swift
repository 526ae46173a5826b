import MCAP
import Testing
import Time

@testable import Capture

@Suite struct CompressionChoiceTests {
    private static let start: UInt64 = 7_000_000_000

    /// One megabyte compressed to a quarter, and stored uncompressed, with the time of each in milliseconds.
    private func measured(
        compressing: UInt64, storing: UInt64, writing: UInt64, syncing: UInt64 = 0
    ) -> CompressionChoice {
        var choice = CompressionChoice()
        _ = choice.compresses(backlog: 0, at: Self.start)
        choice.encoded(1_000_000, into: 250_000, compressing: true, nanoseconds: compressing * 1_000_000)
        choice.encoded(1_000_000, into: 1_000_000, compressing: false, nanoseconds: storing * 1_000_000)
        choice.wrote(1_250_000, nanoseconds: writing * 1_000_000)
        choice.wrote(0, nanoseconds: syncing * 1_000_000)
        return choice
    }

    private func compresses(_ choice: inout CompressionChoice, _ backlog: Double) -> Bool {
        choice.compresses(backlog: backlog, at: Self.start)
    }

    @Test func chunksAreCompressedWhileThatKeepsUp() {
        var choice = measured(compressing: 900, storing: 1, writing: 1)
        #expect(compresses(&choice, 0))
        #expect(compresses(&choice, 0.24))
    }

    @Test func nothingIsKnownAtFirst() {
        var choice = CompressionChoice()
        #expect(compresses(&choice, 1))
    }

    /// Per megabyte: 5 ms plus a quarter of the writing, against 1 ms plus all of it.
    @Test(arguments: [
        (writing: 0 as UInt64, syncing: 0 as UInt64, expected: false),
        (writing: 5, syncing: 0, expected: false),
        (writing: 6, syncing: 0, expected: false),
        (writing: 7, syncing: 0, expected: true),
        (writing: 2_000, syncing: 0, expected: true),
        (writing: 1, syncing: 5, expected: false),
        (writing: 1, syncing: 6, expected: true),
    ])
    func theCheaperWayIsTaken(writing: UInt64, syncing: UInt64, expected: Bool) {
        var choice = measured(compressing: 5, storing: 1, writing: writing, syncing: syncing)
        #expect(compresses(&choice, 1) == expected)
    }

    @Test func storingLastsUntilTheRecorderHasCaughtUp() {
        var choice = measured(compressing: 5, storing: 1, writing: 1)
        let steps: [(backlog: Double, expected: Bool)] = [
            (0.24, true), (0.25, false), (0.9, false), (0.1, false), (0.063, false), (0.0625, true), (0.24, true),
            (0.25, false), (0, true),
        ]
        for (backlog, expected) in steps {
            #expect(compresses(&choice, backlog) == expected, "at \(backlog)")
        }
    }

    /// The disk stalled for two seconds and is as fast as before: the stall is forgotten soon.
    @Test func aStallIsForgotten() {
        var choice = measured(compressing: 5, storing: 1, writing: 2_000)
        #expect(compresses(&choice, 1))
        var now = Self.start
        var halfLives = 0
        while choice.compresses(backlog: 1, at: now), halfLives < 20 {
            now += CompressionChoice.halfLife
            halfLives += 1
            choice.encoded(100_000_000, into: 25_000_000, compressing: true, nanoseconds: 500_000_000)
            choice.wrote(25_000_000, nanoseconds: 20_000_000)
        }
        #expect((1...5).contains(halfLives), "\(halfLives)")
    }

    /// One chunk took a thousand times too long, in either mode: that mode is tried again later.
    @Test(arguments: [(compressing: 5 as UInt64, storing: 1_000 as UInt64), (1_000, 5)])
    func aStallInOneChunkIsForgotten(compressing: UInt64, storing: UInt64) {
        var choice = measured(compressing: compressing, storing: storing, writing: 1)
        let first = compresses(&choice, 1)
        #expect(first == (compressing < storing))
        var now = Self.start
        for _ in 0..<2 {
            now += CompressionChoice.halfLife
            choice.encoded(1_000_000, into: 250_000, compressing: first, nanoseconds: 5_000_000)
            choice.wrote(1_000_000, nanoseconds: 1_000_000)
            if choice.compresses(backlog: 1, at: now) != first { return }
        }
        Issue.record("the other choice was never tried again")
    }

    @Test func theWriterStoresChunksUncompressedMeanwhile() throws {
        let directory = try TemporaryDirectory()
        let log = WriterLog()
        var writer = makeWriter(directory.path, log: log)
        // Far beyond any measurement error of this machine.
        writer.segments.choice.encoded(1_000, into: 250, compressing: true, nanoseconds: 1_000_000_000_000)
        writer.segments.choice.wrote(1_000, nanoseconds: 1)
        var now = Moment.start
        for (index, backlog) in [0, 1, 0.1, 0].enumerated() {
            writer.backlog = backlog
            let first = UInt64(index * 100 + 1)
            now = try writer.record(first...first + 99, from: now)
        }
        try writer.close(now)
        let written = try chunks(in: try bytes(ofFile: directory.files[0]))
        #expect(written.map(\.compression) == ["zstd", "", "", "zstd"])
        #expect(written.flatMap(\.envelopes) == (1...400).map { payload($0) })
        #expect(log.uncompressedChunks == 2)
        #expect(try Reading(directory.path).damage == [])
    }
}
