import Backplane
import Foundation
import MCAP
import TestSupport
import Testing
import Time

@testable import Capture

/// A small segment, damaged in every possible place.
@Suite struct DamageTests {
    @Test(arguments: [Compression.none, .zstd(level: 1)]) func cutAtEveryByte(_ compression: Compression) async throws {
        let directory = try TemporaryDirectory()
        let (bytes, name) = try smallSegment(compression, closed: true)
        let whole = try chunks(in: bytes)
        #expect(whole.map(\.envelopes.count) == [10, 10, 10])
        #expect(whole.allSatisfy { $0.compression == (compression == .none ? "" : "zstd") })
        let path = directory.path + "/" + name
        try write(bytes, toFile: path)
        // An empty file may or may not have been a capture.
        for cut in (1..<bytes.count).reversed() {
            await Task.yield()
            try #require(truncate(path, off_t(cut)) == 0)
            let reading = try Reading(path)
            let expected = whole.filter { $0.end <= cut }.flatMap(\.envelopes)
            #expect(reading.envelopes.map(\.payload) == expected, "cut at \(cut)")
            #expect(!reading.damage.isEmpty, "cut at \(cut)")
            #expect(reading.states == [.cut], "cut at \(cut)")
        }
    }

    @Test(arguments: [Compression.none, .zstd(level: 1)]) func everyByteFlipped(_ compression: Compression) throws {
        var random = SplitMix64.announced()
        let directory = try TemporaryDirectory()
        let (bytes, name) = try smallSegment(compression, closed: true)
        let path = directory.path + "/" + name
        try write(bytes, toFile: path)
        let original = try Reading(path)
        #expect(original.envelopes.count == 30 && original.damage.isEmpty)
        let handle = try FileHandle(forUpdating: URL(fileURLWithPath: path))
        for place in bytes.indices {
            let flipped = bytes[place] ^ UInt8.random(in: 1...255, using: &random)
            try handle.seek(toOffset: UInt64(place))
            try handle.write(contentsOf: [flipped])
            let reading = try Reading(path)
            let context = "byte \(place) is \(flipped), was \(bytes[place])"
            #expect(reading.envelopes.isSubsequence(of: original.envelopes), "\(context)")
            #expect(reading.events.isSubsequence(of: original.events), "\(context)")
            if reading.damage.isEmpty {
                #expect(reading.envelopes == original.envelopes, "\(context)")
                #expect(reading.events == original.events, "\(context)")
            }
            // A flipped byte costs at most its own chunk; only the header's length, which is used before it can be
            // checked, can hide more.
            #expect(reading.envelopes.count >= 20 || place < 17, "\(context)")
            try handle.seek(toOffset: UInt64(place))
            try handle.write(contentsOf: [bytes[place]])
        }
    }

    /// Data read through the summary is checked by the chunk's CRC as well.
    @Test func everyByteFlippedUnderAFilter() throws {
        var random = SplitMix64.announced()
        let directory = try TemporaryDirectory()
        let (bytes, name) = try smallSegment(.zstd(level: 1), closed: true)
        let path = directory.path + "/" + name
        let filter = CaptureSelection(
            from: Moment.start.realtime + 8_000_000, until: Moment.start.realtime + 25_000_000)
        try write(bytes, toFile: path)
        let original = try Reading(path, filter: filter)
        #expect(original.envelopes.count == 17 && original.damage.isEmpty)
        for place in bytes.indices {
            var flipped = bytes
            flipped[place] ^= UInt8.random(in: 1...255, using: &random)
            try write(flipped, toFile: path)
            let reading = try Reading(path, filter: filter)
            #expect(reading.envelopes.isSubsequence(of: original.envelopes), "byte \(place)")
            if reading.damage.isEmpty { #expect(reading.envelopes == original.envelopes, "byte \(place)") }
        }
    }
}

extension Array where Element: Equatable {
    /// Whether it is `other` with some elements left out.
    fileprivate func isSubsequence(of other: [Element]) -> Bool {
        var rest = other[...]
        for element in self {
            guard let index = rest.firstIndex(of: element) else { return false }
            rest = rest[(index + 1)...]
        }
        return true
    }
}
