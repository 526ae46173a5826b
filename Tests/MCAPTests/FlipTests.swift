import TestSupport
import Testing

@testable import MCAP

/// Every byte of a file changed in several ways: no wrong data is read, and the change is reported.
@Suite struct FlipTests {
    static let chunks = TestMessage.chunks(3, messagesEach: 4, dataSize: 10...50, seed: 21)

    /// Half of them change single bits.
    static let masksPerByte = 4
    /// Bytes of a compressed chunk record before its data.
    static let chunkHeader = 9 + 8 + 8 + 8 + 4 + 8 + 8

    struct Case: Sendable, CustomTestStringConvertible {
        var compression: Compression
        var closed: Bool
        var testDescription: String { "\(compression), \(closed ? "closed" : "unclosed")" }
    }

    @Test(arguments: [
        Case(compression: .none, closed: false), Case(compression: .none, closed: true),
        Case(compression: .zstd(level: 1), closed: false), Case(compression: .zstd(level: 1), closed: true),
    ])
    func everyByte(_ test: Case) async throws {
        let seed: UInt64 = 22
        var random = SplitMix64(seed: seed)
        let recording = Recording(Self.chunks, compression: test.compression, closed: test.closed)
        let original = try Reading(recording.bytes)
        var unnoticed: [(offset: Int, mask: UInt8)] = []
        for offset in recording.bytes.indices {
            await Task.yield()
            for index in 0..<Self.masksPerByte {
                let bit = UInt8(1) << Int.random(in: 0..<8, using: &random)
                let mask = index.isMultiple(of: 2) ? bit : .random(in: 1...255, using: &random)
                var bytes = recording.bytes
                bytes[offset] ^= mask
                let place = "byte \(offset) xor \(mask), seed \(seed)"
                let reading = try Reading(bytes)
                for chunk in reading.chunks {
                    let index = try #require(
                        recording.chunkRanges.firstIndex { $0.lowerBound == chunk.offset }, "\(place)")
                    try #require(chunk.messages == Self.chunks[index], "\(place)")
                }
                // A chunk is lost only if the change is within it.
                for (index, range) in recording.chunkRanges.enumerated()
                where !reading.chunks.contains(where: { $0.offset == range.lowerBound }) {
                    let reach = range.lowerBound - Marker.recordSize..<range.upperBound
                    try #require(reach.contains(offset), "\(place) destroyed chunk \(index)")
                }
                if reading.damages.isEmpty {
                    unnoticed.append((offset, mask))
                    try #require(reading.messages == original.messages, "\(place)")
                    try #require(reading.header == original.header, "\(place)")
                    try #require(reading.metadata == original.metadata, "\(place)")
                    try #require(reading.ending == original.ending, "\(place)")
                }
            }
        }
        // The one exception: within a zstd frame several encodings give the same content (an ignored bit of the frame
        // header, another offset within a run). That the messages are the same is required above.
        let frames = test.compression == .none ? [] : recording.chunkRanges.map { $0.dropFirst(Self.chunkHeader) }
        for (offset, mask) in unnoticed {
            #expect(frames.contains { $0.contains(offset) }, "byte \(offset) xor \(mask) was not detected")
        }
        #expect(unnoticed.count * 100 < recording.bytes.count * Self.masksPerByte)
    }

    @Test func twoChangesAtOnce() async throws {
        let seed: UInt64 = 23
        var random = SplitMix64(seed: seed)
        let recording = Recording(Self.chunks, compression: .zstd(level: 1), closed: true)
        for round in 0..<3_000 {
            await Task.yield()
            var bytes = recording.bytes
            for _ in 0..<2 {
                bytes[.random(in: bytes.indices, using: &random)] ^= .random(in: 1...255, using: &random)
            }
            let reading = try Reading(bytes)
            for chunk in reading.chunks {
                let index = try #require(recording.chunkRanges.firstIndex { $0.lowerBound == chunk.offset })
                try #require(chunk.messages == Self.chunks[index], "round \(round), seed \(seed)")
            }
        }
    }
}
