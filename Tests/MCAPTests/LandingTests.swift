import Testing

@testable import MCAP

/// Where reading continues after damage, and what is not believed: each as the bytes behind the damage.
@Suite struct LandingTests {
    /// A stretch of bytes behind damage.
    enum Part {
        case garbage
        /// Magic and header of a file.
        case start
        /// A marker of the file that was read, or of another one.
        case own(ordinal: UInt64)
        case foreign(ordinal: UInt64)
        /// A chunk with its message indexes, or without.
        case chunk, bareChunk
        /// The same messages as a chunk that was read.
        case copy
        case metadata
    }

    struct Case: CustomTestStringConvertible {
        let name: String
        /// Whether a marker of ours was read before.
        let isMarked: Bool
        let parts: [Part]
        /// The part where reading continues.
        let landing: Int?
        /// The search ends with this part.
        var until: Int?
        /// These parts are in a chunk that could not be read.
        var lost: ClosedRange<Int>?
        var testDescription: String { name }
    }

    private static let cases = [
        Case(name: "garbage", isMarked: false, parts: [.garbage, .garbage], landing: nil),
        Case(name: "a file", isMarked: false, parts: [.garbage, .start], landing: 1),
        Case(name: "a chunk with indexes", isMarked: false, parts: [.garbage, .chunk, .garbage], landing: 1),
        Case(name: "a chunk at the end", isMarked: false, parts: [.garbage, .bareChunk], landing: 1),
        Case(name: "nothing proves the chunk", isMarked: false, parts: [.bareChunk, .garbage], landing: nil),
        Case(name: "the first of two chunks", isMarked: false, parts: [.bareChunk, .chunk], landing: 0),
        Case(
            name: "a chunk inside a lost one", isMarked: false, parts: [.garbage, .chunk, .garbage, .metadata],
            landing: nil, lost: 0...2),
        Case(
            name: "a chunk behind a lost one", isMarked: false, parts: [.garbage, .garbage, .chunk], landing: 2,
            lost: 0...1),
        Case(name: "a lone marker", isMarked: false, parts: [.garbage, .foreign(ordinal: 0), .metadata], landing: 1),
        Case(
            name: "a lone marker before garbage", isMarked: false, parts: [.foreign(ordinal: 0), .garbage],
            landing: nil),
        Case(
            name: "two markers of one file", isMarked: false,
            parts: [.garbage, .foreign(ordinal: 0), .garbage, .foreign(ordinal: 1)], landing: 1),
        Case(
            name: "one marker twice proves nothing", isMarked: false,
            parts: [.foreign(ordinal: 0), .garbage, .foreign(ordinal: 0), .garbage], landing: nil),
        Case(name: "a marker of ours", isMarked: true, parts: [.garbage, .own(ordinal: 1)], landing: 1),
        Case(
            name: "another file's marker in our chunk", isMarked: true,
            parts: [.garbage, .foreign(ordinal: 0), .garbage, .own(ordinal: 1)], landing: 3),
        Case(
            name: "another file's marker after ours", isMarked: true, parts: [.foreign(ordinal: 0), .chunk],
            landing: 1),
        Case(name: "a chunk that was read", isMarked: true, parts: [.garbage, .copy, .garbage], landing: nil),
        Case(name: "a chunk of ours without indexes", isMarked: true, parts: [.bareChunk, .garbage], landing: nil),
        Case(
            name: "a chunk behind the end of the search", isMarked: false, parts: [.garbage, .chunk], landing: nil,
            until: 0),
    ]

    @Test(arguments: cases) func readingContinuesAtTheFirstTrustworthyPlace(_ one: Case) throws {
        let recording = Recording(
            TestMessage.chunks(2, messagesEach: 3, dataSize: 5...9, seed: 81), compression: .none, closed: false)
        var bytes: [UInt8] = []
        var places: [Range<Int>] = []
        for part in one.parts {
            let start = bytes.count
            bytes += Self.bytes(of: part, recording)
            places.append(start..<bytes.count)
        }
        let parts = ReaderParts(SourceWindow(MemorySource(bytes), limits: ReadLimits()))
        parts.progress.enter(.data)
        if one.isMarked {
            let marker = Marker(sync: Recording.sync, ordinal: 0, offset: 0, precedingCRC: 0)
            parts.files.take(marker, endingAt: 0)
        }
        let copied = SourceWindow(MemorySource(recording.bytes), limits: ReadLimits())
        let frame = try #require(try copied.frame(at: UInt64(recording.chunkRanges[1].lowerBound)))
        var channels = ChannelTable()
        let read = try ChunkDecoder().decode(frame, from: copied, channels: &channels, allowingExtension: false)
        parts.check.remember(read.chunk)
        if let lost = one.lost {
            parts.progress.noteLostChunk(
                UInt64(places[lost.lowerBound].lowerBound)..<UInt64(places[lost.upperBound].upperBound))
        }
        let limit = one.until.map { UInt64(places[$0].upperBound) } ?? .max
        let landing = try parts.resynchronizer.landing(from: 0, until: limit)
        #expect(landing?.offset == one.landing.map { UInt64(places[$0].lowerBound) })
    }

    private static func bytes(of part: Part, _ recording: Recording) -> [UInt8] {
        let (first, second) = (recording.chunkRanges[0], recording.chunkRanges[1])
        switch part {
        case .garbage: return Array(repeating: 0x55, count: 70)
        case .start: return Layout.magic + Self.encoded { Header(profile: "", library: "x").encode(into: &$0) }
        case .own(let ordinal): return marker(Recording.sync, ordinal)
        case .foreign(let ordinal): return marker(SyncMarker(first: 8, second: 9), ordinal)
        case .chunk:
            let end = Array(recording.bytes[first.upperBound...]).places(of: [Opcode.marker.rawValue, 40, 0])[0]
            return Array(recording.bytes[first.lowerBound..<first.upperBound + end])
        case .bareChunk: return Array(recording.bytes[first])
        case .copy: return Array(recording.bytes[second])
        case .metadata: return Self.encoded { Metadata(name: "m", entries: [:]).encode(into: &$0) }
        }
    }

    private static func marker(_ sync: SyncMarker, _ ordinal: UInt64) -> [UInt8] {
        encoded { Marker(sync: sync, ordinal: ordinal, offset: 1_000 * ordinal, precedingCRC: 0).encode(into: &$0) }
    }

    private static func encoded(_ encode: (inout GrowableBuffer) -> Void) -> [UInt8] {
        var buffer = GrowableBuffer()
        encode(&buffer)
        return Array(buffer.bytes)
    }
}
