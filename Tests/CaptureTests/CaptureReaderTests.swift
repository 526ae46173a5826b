import Backplane
import Foundation
import MCAP
import Testing
import Time

@testable import Capture

@Suite struct CaptureReaderTests {
    /// Two channels, four closed segments, events in between: id n of `chat` at n seconds, id 100 + n of `game`
    /// slightly later.
    private func makeCapture(_ directory: TemporaryDirectory) throws {
        var writer = makeWriter(
            directory.path, channels: ["chat", "game"], rotation: RotationPolicy(segmentDuration: 10_000_000_000))
        var now = Moment.start
        for id in 0..<40 as Range<UInt64> {
            now = Moment.start.after(milliseconds: id * 1_000)
            try writer.tick(now)
            writer.append(payload(id), channel: 0, at: now)
            if id % 3 == 0 { try writer.flush(now) }
            writer.append(payload(100 + id), channel: 1, at: now.after(milliseconds: 500))
            if id % 7 == 0 { writer.append(.duplicate(channel: id % 2 == 0 ? "chat" : "game", id: id), at: now) }
            if id % 10 == 5 { try writer.flush(now) }
        }
        try writer.close(now.after(milliseconds: 999))
    }

    @Test func segmentsAreReadInTheOrderOfTime() throws {
        let directory = try TemporaryDirectory()
        try makeCapture(directory)
        // Neither names nor the order of arguments matter.
        let files = directory.files
        #expect(files.count >= 3)
        for (index, file) in files.enumerated() {
            try FileManager.default.moveItem(atPath: file, toPath: directory.path + "/\(9 - index).mcap")
        }
        let expected = (0..<40).flatMap { [UInt64($0), UInt64(100 + $0)] }
        #expect(try Reading(directory.path).ids == expected)
        let reader = try CaptureReader(paths: directory.files)
        #expect(reader.segments.map(\.path) == directory.files.reversed())
        #expect(reader.sources() == [testSource])
        let starts = reader.segments.map(\.startedAt)
        #expect(starts == starts.sorted() && starts.allSatisfy { $0 >= Moment.start.realtime })
    }

    @Test func aDirectoryAndAnotherFileAreOneCapture() throws {
        let (one, other) = (try TemporaryDirectory(), try TemporaryDirectory())
        var writer = makeWriter(one.path)
        try writer.close(try writer.record(4...6, from: Moment.start.after(milliseconds: 10_000)))
        var earlier = makeWriter(other.path)
        try earlier.close(try earlier.record(1...3, from: .start))
        #expect(try Reading(one.path, other.files[0]).ids == [1, 2, 3, 4, 5, 6])
    }

    // MARK: - Filters

    static let filters: [(CaptureSelection, String)] = [
        (CaptureSelection(from: second(12)), "from"),
        (CaptureSelection(until: second(12)), "until"),
        (CaptureSelection(from: second(3), until: second(31)), "from and until"),
        (CaptureSelection(from: second(8), until: second(8)), "an empty span"),
        (CaptureSelection(from: second(100)), "after the end"),
        (CaptureSelection(channels: ["chat"]), "one channel"),
        (CaptureSelection(channels: ["game"]), "the other channel"),
        (CaptureSelection(channels: ["chat", "game"]), "both channels"),
        (CaptureSelection(channels: ["nothing"]), "an unknown channel"),
        (CaptureSelection(from: second(5), until: second(25), channels: ["game"]), "all of it"),
        (CaptureSelection(fromID: 130), "ids"),
        (CaptureSelection(from: second(5), fromID: 25, hubs: ["chatHub"]), "time, ids and messages"),
        (CaptureSelection(kinds: [.ack]), "what is not there"),
    ]

    private static func second(_ number: UInt64) -> UInt64 { Moment.start.realtime + number * 1_000_000_000 }

    @Test(arguments: filters) func aFilterSelects(_ filter: CaptureSelection, _ name: String) throws {
        let directory = try TemporaryDirectory()
        try makeCapture(directory)
        let all = try Reading(directory.path)
        let expected = all.envelopes.filter { envelope in
            envelope.receivedAt >= filter.from ?? 0 && envelope.receivedAt < filter.until ?? .max
                && (filter.channels.isEmpty || filter.channels.contains(OrdinalName(envelope.channel)))
                && envelope.id ?? 0 >= filter.fromID ?? 0 && filter.kinds != [.ack]
        }
        let indexed = try Reading(directory.path, filter: filter)
        #expect(indexed.envelopes == expected)
        #expect(indexed.report.segments.map(\.envelopes).reduce(0, +) == expected.count)
        #expect(indexed.damage == [])

        // Without its last byte a file has no usable summary.
        for file in directory.files { try write(try bytes(ofFile: file).dropLast(), toFile: file) }
        let streamed = try Reading(directory.path, filter: filter)
        #expect(streamed.envelopes == expected)
        #expect(indexed.events == streamed.events)
    }

    // MARK: - While it is recorded

    @Test(arguments: [CaptureSelection.all, CaptureSelection(channels: ["chat"])])
    func aLiveSegmentIsReadWithoutDamage(_ filter: CaptureSelection) throws {
        let directory = try TemporaryDirectory()
        var writer = makeWriter(directory.path)
        try writer.connected(runID: "a1", redisVersion: nil, at: .start)
        #expect(try Reading(directory.path, filter: filter).states == [.recording])
        var now = Moment.start
        for first in stride(from: 1 as UInt64, to: 50, by: 10) {
            now = try writer.record(first...first + 9, from: now)
            let reading = try Reading(directory.path, filter: filter)
            #expect(reading.ids == (1...first + 9).map { $0 })
            #expect(reading.damage == [])
            #expect(reading.states == [.recording])
        }
        try writer.close(now)
        #expect(try Reading(directory.path, filter: filter).states == [.closed])
    }

    @Test func anIncompleteTailOfAnOpenSegmentIsNotDamage() async throws {
        let directory = try TemporaryDirectory()
        let (bytes, name) = try smallSegment(.zstd(level: 1), closed: false)
        let whole = try chunks(in: bytes)
        let path = directory.path + "/" + name
        for cut in Int(whole[1].end)..<Int(whole[2].end) {
            await Task.yield()
            try? FileManager.default.removeItem(atPath: path)
            let file = try #require(try SegmentFile.create(path: path))
            try bytes[..<cut].withUnsafeBytes { try file.write($0, at: 0) }
            let reading = try Reading(path)
            #expect(reading.envelopes.count == 20, "\(cut)")
            #expect(reading.damage == [], "\(cut)")
        }
    }

    // MARK: - Other files

    @Test func aMissingFileIsNamed() throws {
        let directory = try TemporaryDirectory()
        #expect(throws: CaptureError.noSegments(path: directory.path)) {
            _ = try CaptureReader(paths: [directory.path])
        }
        let missing = directory.path + "/none"
        #expect(throws: CaptureError.notFound(path: missing)) { _ = try CaptureReader(paths: [missing]) }
    }

    @Test(arguments: [[], Array("hello".utf8), Array(repeating: 0, count: 10_000)] as [[UInt8]])
    func aFileThatIsNoMCAPIsRefusedOrReported(_ content: [UInt8]) throws {
        let directory = try TemporaryDirectory()
        let path = directory.path + "/x.mcap"
        try write(content, toFile: path)
        do {
            let reading = try Reading(path)
            #expect(!reading.damage.isEmpty)
            #expect(reading.envelopes.isEmpty)
        } catch let error as CaptureError {
            #expect(error.description.contains(path))
        }
    }
}
