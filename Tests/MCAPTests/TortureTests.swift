import TestSupport
import Testing

@testable import MCAP

/// Files whose bytes were inserted, removed, overwritten, duplicated, cut, mixed with other files and with random data.
///
/// The expectation is derived without the reader: a chunk must be recovered if its bytes are contiguous anywhere.
@Suite struct TortureTests {
    private static let rounds = 4_000

    @Test func exactlyTheCompleteChunksAreRecovered() async throws {
        var random = SplitMix64.announced()
        for round in 0..<Self.rounds {
            await Task.yield()
            var torture = Torture(&random)
            for _ in 0..<(Int.random(in: 0..<4, using: &random) == 0 ? 2 : 1) { torture.damage(&random) }
            let failures = try torture.failures()
            try #require(failures == [], "round \(round): \(torture.history)")
        }
    }

    /// The same as a stream whose bytes arrive in small fragments.
    @Test func aStreamIsReadLikeAFile() async throws {
        var random = SplitMix64.announced()
        for round in 0..<Self.rounds / 8 {
            await Task.yield()
            var torture = Torture(&random)
            if round > 20 { torture.damage(&random) }
            let file = try Reading(torture.bytes)
            let stream = try Reading(torture.stream(pieces: 1...300, &random))
            try #require(stream.chunks.map(\.messages) == file.chunks.map(\.messages), "\(torture.history)")
            try #require(stream.ending == file.ending, "\(torture.history)")
            try #require(stream.damages.isEmpty == file.damages.isEmpty, "\(torture.history) \(stream.damages)")
        }
    }
}

/// A file, the changes to it, and what remains of it.
private struct Torture {
    var bytes: [UInt8]
    private(set) var history: [String] = []
    private let recordings: [Recording]
    private let original: [UInt8]
    private var hasCopies = false

    init(_ random: inout SplitMix64) {
        recordings = (0..<2).map { number in
            let count = Int.random(in: 1...5, using: &random)
            var chunks = TestMessage.chunks(
                count, messagesEach: Int.random(in: 1...6, using: &random), dataSize: 0...60,
                seed: .random(in: 0...UInt64.max, using: &random))
            if Bool.random(using: &random) {
                // Anyone can send such a message, but the file's sync marker is unknown to them.
                let victim = Int.random(in: 0..<count, using: &random)
                chunks[victim][0].data += Self.forgery(&random)
            }
            return Recording(
                chunks, compression: Bool.random(using: &random) ? .none : .zstd(level: 1),
                closed: Bool.random(using: &random),
                sync: SyncMarker(
                    first: .random(in: 0...UInt64.max, using: &random),
                    second: .random(in: 0...UInt64.max, using: &random)),
                channels: number == 0 ? TestMessage.channels : TestMessage.otherChannels)
        }
        bytes = recordings[0].bytes
        original = bytes
        history = ["\(bytes.count) bytes, chunks \(recordings[0].chunkRanges)"]
    }

    /// A marker and a chunk with its message index.
    private static func forgery(_ random: inout SplitMix64) -> [UInt8] {
        let forged = Recording(
            TestMessage.chunks(1, messagesEach: 1, dataSize: 1...9, seed: .random(in: 0...99, using: &random)),
            compression: .none, closed: false,
            sync: SyncMarker(first: .random(in: 0...UInt64.max, using: &random), second: 3))
        let start = forged.chunkRanges[0].lowerBound - Marker.recordSize
        return Array(forged.bytes[start..<forged.chunkRanges[0].upperBound]) + [0, 1, 2]
    }

    mutating func damage(_ random: inout SplitMix64) {
        let place = Int.random(in: 0...bytes.count, using: &random)
        let size = [1, 7, 60, 400].randomElement(using: &random).map { Int.random(in: 1...$0, using: &random) } ?? 1
        let end = min(place + size, bytes.count)
        let garbage = (0..<size).map { _ in
            Bool.random(using: &random)
                ? UInt8.random(in: 0...255, using: &random) : [0, 6, 0x80, 0x89, 40].randomElement(using: &random) ?? 0
        }
        switch Int.random(in: 0..<11, using: &random) {
        case 0, 1:
            history.append("inserted \(size) at \(place)")
            bytes.insert(contentsOf: garbage, at: place)
        case 2, 3:
            history.append("removed \(place)..<\(end)")
            bytes.removeSubrange(place..<end)
        case 4:
            history.append("zeroed \(place)..<\(end)")
            for index in place..<end { bytes[index] = 0 }
        case 5:
            history.append("doubled \(place)..<\(end)")
            bytes.insert(contentsOf: bytes[place..<end], at: end)
            hasCopies = true
        case 6:
            history.append("cut at \(place)")
            bytes.removeSubrange(place...)
        case 7:
            history.append("first \(place) bytes gone")
            bytes.removeSubrange(..<place)
        case 8:
            history.append("another file at the end: \(recordings[1].chunkRanges)")
            bytes += recordings[1].bytes
        case 9:
            history.append("in \(size) bytes of garbage")
            bytes = garbage + bytes + garbage.reversed()
        default:
            history.append("itself once more")
            bytes += original
            hasCopies = true
        }
    }

    func stream(pieces: ClosedRange<Int>, _ random: inout SplitMix64) -> StreamSource {
        var rest = bytes[...]
        var random = random
        return StreamSource { buffer in
            let piece = rest.prefix(min(buffer.count, .random(in: pieces, using: &random)))
            rest = rest.dropFirst(piece.count)
            buffer.copyBytes(from: piece)
            return piece.count
        }
    }

    /// Differences between the expectation and a reader's result.
    func failures() throws -> [String] {
        let reading = try Reading(bytes)
        var failures: [String] = []
        let chunks = recordings.flatMap { recording in
            recording.chunkRanges.map { range in Array(recording.bytes[range]) }
        }
        let expected = recordings.flatMap(\.chunks)
        let places = chunks.map { bytes.places(of: $0) }
        var counts = Array(repeating: 0, count: chunks.count)
        var last = (-1, -1)
        for chunk in reading.chunks {
            // The times in a chunk's header have no checksum; its messages are complete without them.
            guard let index = expected.firstIndex(of: chunk.messages),
                bytes[(chunk.offset + 33)...].starts(with: chunks[index][33...])
            else {
                // Two damages around a payload, or one that also removed the start of the file, can leave nothing that
                // distinguishes it, or the messages around it, from the file of another program.
                if history.count <= 2, isMarked(before: chunk.offset) {
                    failures.append("invented at \(chunk.offset), \(reading.damages)")
                }
                continue
            }
            counts[index] += 1
            if !hasCopies, index <= last.0 { failures.append("chunk \(index) out of order") }
            if chunk.offset <= last.1 { failures.append("place \(chunk.offset) behind \(last.1)") }
            last = (index, chunk.offset)
        }
        for index in chunks.indices {
            // Two damages around a chunk can make it indistinguishable from a payload.
            let least = places[index].isEmpty || history.count > 2 ? min(counts[index], 1) : 1
            guard counts[index] != least else { continue }
            failures.append("chunk \(index) \(counts[index]) times, stands at \(places[index])")
        }
        return failures + accountFailures(reading)
    }

    /// Whether any part of a marker remains that distinguishes the file from those of other programs.
    private func isMarked(before place: Int) -> Bool {
        let opening = [Opcode.marker.rawValue, UInt8(Marker.contentSize)] + Array(repeating: 0, count: 7)
        // The marker right before it may be forged as well.
        return !Array(bytes.prefix(max(0, place - Marker.recordSize))).places(of: opening).isEmpty
    }

    /// Every byte is accounted for once: read, or reported unread.
    private func accountFailures(_ reading: Reading) -> [String] {
        var failures: [String] = []
        // The rest may be the state of the file at some point during writing.
        let isWhole = recordings.contains { $0.states.contains(bytes) }
        if !isWhole, reading.damages.isEmpty { failures.append("nothing noticed") }
        var ranges = reading.damages.filter { $0.unreadBytes > 0 }.map {
            (Int($0.offset)..<Int($0.offset + $0.unreadBytes), "\($0.reason)")
        }
        ranges += zip(reading.chunks, reading.lengths).map { ($0.offset..<$0.offset + $1, "chunk") }
        ranges.sort { $0.0.lowerBound < $1.0.lowerBound }
        for (one, other) in zip(ranges, ranges.dropFirst()) where one.0.upperBound > other.0.lowerBound {
            failures.append("\(one) overlaps \(other)")
        }
        if let last = ranges.last, last.0.upperBound > bytes.count { failures.append("\(last) beyond the end") }
        for damage in reading.damages where damage.unreadBytes > 0 {
            if "\(damage)".contains("no message is lost") { failures.append("\(damage)") }
        }
        return failures
    }
}
