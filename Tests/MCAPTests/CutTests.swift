import Testing

@testable import MCAP

/// A file cut at every byte: exactly the complete chunks before the cut are read, and the cut is reported.
@Suite struct CutTests {
    static let chunks = TestMessage.chunks(4, messagesEach: 6, dataSize: 0...60, seed: 11)

    @Test(arguments: [Compression.none, .zstd(level: 1)], [false, true])
    func everyCut(compression: Compression, closed: Bool) async throws {
        let recording = Recording(Self.chunks, compression: compression, closed: closed)
        for cut in 0..<recording.bytes.count {
            await Task.yield()
            let reading = try Reading(Array(recording.bytes[..<cut]))
            let whole = recording.chunkRanges.filter { $0.upperBound <= cut }
            try #require(reading.chunks.map(\.offset) == whole.map(\.lowerBound), "cut at \(cut)")
            try #require(reading.chunks.map(\.messages) == Array(Self.chunks[..<whole.count]), "cut at \(cut)")
            try #require(reading.ending == .cut, "cut at \(cut)")
            try #require(reading.damages.map(\.reason) == [.truncated], "cut at \(cut): \(reading.damages)")
        }
    }

    @Test(arguments: [false, true])
    func everyCutOfALiveFileIsNoDamage(closed: Bool) async throws {
        let recording = Recording(Self.chunks, compression: .zstd(level: 1), closed: closed)
        for cut in 0..<recording.bytes.count {
            await Task.yield()
            let reading = try Reading(Array(recording.bytes[..<cut]), tailMayGrow: true)
            // A chunk within the last 50 bytes may be an incomplete trailer and is left to the next read.
            let settled = recording.chunkRanges.filter { $0.upperBound <= cut - 50 }
            try #require(reading.damages == [], "cut at \(cut)")
            try #require(reading.ending == .unclosed, "cut at \(cut)")
            try #require(reading.chunks.count >= settled.count, "cut at \(cut)")
            try #require(reading.chunks.map(\.messages) == Array(Self.chunks[..<reading.chunks.count]))
        }
    }

    /// The view of a reader during a write: the old file, its end overwritten with a part of the new bytes.
    @Test(arguments: [Compression.none, .zstd(level: 1)])
    func writeUnderWay(compression: Compression) throws {
        let recording = Recording(Self.chunks, compression: compression, closed: true)
        for (index, (before, after)) in zip(recording.states, recording.states.dropFirst()).enumerated() {
            let start = before.count - 50
            for written in 0...(after.count - start) {
                let end = max(before.count, start + written)
                let torn = Array(after[..<(start + written)]) + before[min(start + written, before.count)...]
                try #require(torn.count == end)
                let reading = try Reading(torn, tailMayGrow: true)
                try #require(reading.damages == [], "state \(index), \(written) bytes written: \(reading.damages)")
                try #require(reading.chunks.count >= index, "state \(index), \(written) bytes written")
                try #require(reading.chunks.map(\.messages) == Array(Self.chunks[..<reading.chunks.count]))
            }
        }
    }

    @Test func liveFileOnceClosed() throws {
        let recording = Recording(Self.chunks, compression: .zstd(level: 1), closed: true)
        let reading = try Reading(recording.bytes, tailMayGrow: true)
        #expect(reading.damages == [])
        #expect(reading.ending == .closed)
        #expect(reading.chunks.map(\.messages) == Self.chunks)
    }

    @Test func damageInALiveFileIsStillDamage() throws {
        let recording = Recording(Self.chunks, compression: .none, closed: false)
        var bytes = recording.bytes
        bytes[recording.chunkRanges[1].upperBound - 1] ^= 1
        let reading = try Reading(bytes, tailMayGrow: true)
        #expect(reading.damages.count == 1)
        #expect(reading.damages.first?.messagesLost == Self.chunks[1].count)
        #expect(reading.chunks.map(\.messages) == [Self.chunks[0], Self.chunks[2], Self.chunks[3]])
    }
}
