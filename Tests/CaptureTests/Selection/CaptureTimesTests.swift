import Backplane
import MCAP
import Testing
import Time

@testable import Capture

/// The start and end of a capture, and times relative to them.
@Suite struct CaptureTimesTests {
    private static func at(_ milliseconds: UInt64) -> UInt64 { Moment.start.after(milliseconds: milliseconds).realtime }

    /// Two segments of one relay, ids 1...10 from 1 s and 11...20 from 5 s, a millisecond apart; one event before,
    /// between and after them.
    private func makeCapture(_ directory: TemporaryDirectory) throws {
        var writer = makeWriter(directory.path)
        writer.append(.disconnected(cause: "x"), at: .start)
        var now = try writer.record(1...10, from: Moment.start.after(milliseconds: 1_000))
        try writer.rotateNow(now)
        writer.append(.disconnected(cause: "y"), at: Moment.start.after(milliseconds: 3_000))
        now = try writer.record(11...20, from: Moment.start.after(milliseconds: 5_000))
        writer.append(.disconnected(cause: "z"), at: Moment.start.after(milliseconds: 8_000))
        try writer.close(Moment.start.after(milliseconds: 8_000))
    }

    @Test(arguments: [true, false]) func theEndsAreThoseOfTheEnvelopes(_ hasSummary: Bool) throws {
        let directory = try TemporaryDirectory()
        try makeCapture(directory)
        if !hasSummary {
            for file in directory.files { try write(try bytes(ofFile: file).dropLast(), toFile: file) }
        }
        let capture = try CaptureReader(paths: [directory.path])
        #expect(capture.segments.count == 2)
        #expect(try capture.firstReceivedAt() == Self.at(1_000))
        #expect(try capture.lastReceivedAt() == Self.at(5_009))
        let isBeingRecorded = try capture.isBeingRecorded()
        #expect(!isBeingRecorded)
    }

    @Test func theEndsCoverTheSegmentsOfAllRelays() throws {
        let (one, other) = (try TemporaryDirectory(), try TemporaryDirectory())
        var long = makeWriter(one.path)
        try long.record([1], from: .start)
        try long.record([9], from: Moment.start.after(milliseconds: 9_000))
        try long.close(Moment.start.after(milliseconds: 9_000))
        var short = makeWriter(other.path)
        try short.close(try short.record([5], from: Moment.start.after(milliseconds: 4_000)))
        let capture = try CaptureReader(paths: [one.path, other.path])
        #expect(try capture.firstReceivedAt() == Self.at(0))
        #expect(try capture.lastReceivedAt() == Self.at(9_000))
    }

    @Test func aCaptureWithoutEnvelopesHasNone() throws {
        let directory = try TemporaryDirectory()
        var writer = makeWriter(directory.path)
        try writer.connected(runID: "a1", redisVersion: nil, at: .start)
        try writer.close(.start)
        let capture = try CaptureReader(paths: [directory.path])
        #expect(try capture.firstReceivedAt() == nil)
        #expect(try capture.lastReceivedAt() == nil)
        var ends = CaptureEnds(of: capture, now: 100)
        let times = try [TimePoint.beforeEnd(5), .afterStart(5)].map { try ends.resolve($0) }
        #expect(times == [0, 5])
    }

    @Test func duringRecordingTimesCountBackFromNow() throws {
        let directory = try TemporaryDirectory()
        var writer = makeWriter(directory.path)
        let now = try writer.record(1...10, from: Moment.start.after(milliseconds: 1_000))
        let capture = try CaptureReader(paths: [directory.path])
        let isBeingRecorded = try capture.isBeingRecorded()
        #expect(isBeingRecorded)
        #expect(try capture.firstReceivedAt() == Self.at(1_000))
        var ends = CaptureEnds(of: capture, now: Self.at(60_000))
        let time = try ends.resolve(.beforeEnd(1_000_000_000))
        #expect(time == Self.at(59_000))
        try writer.close(now)
    }

    @Test(
        arguments: [
            (TimePoint.at(77), 77), (.afterStart(0), at(1_000)), (.afterStart(4_005_000_000), at(5_005)),
            (.afterStart(.max), .max), (.beforeEnd(0), at(5_009)), (.beforeEnd(9_000_000), at(5_000)),
            (.beforeEnd(.max), 0),
        ] as [(TimePoint, UInt64)])
    func aTimeCountsFromAnEnd(_ time: TimePoint, _ expected: UInt64) throws {
        let directory = try TemporaryDirectory()
        try makeCapture(directory)
        let capture = try CaptureReader(paths: [directory.path])
        var ends = CaptureEnds(of: capture, now: 1)
        let resolved = try [time, time].map { try ends.resolve($0) }
        #expect(resolved == [expected, expected])
    }

    // MARK: - Amount of data read

    @Test func progressEndsAtTheEnd() throws {
        let directory = try TemporaryDirectory()
        try makeCapture(directory)
        let capture = try CaptureReader(paths: [directory.path])
        let size = capture.segments.reduce(0) { $0 + $1.size }
        for selection in [
            CaptureSelection.all, CaptureSelection(from: Self.at(5_000)), CaptureSelection(channels: ["x"]),
        ] {
            var seen: [CaptureProgress] = []
            try capture.forEach(selection, { _ in }, progress: { seen.append($0) })
            #expect(seen.last == CaptureProgress(done: size, total: size))
            #expect(seen.map(\.done) == seen.map(\.done).sorted())
            #expect(seen.count >= 2)
        }
    }

    @Test func onlyChunksInTheRequestedTimeAreRead() throws {
        let directory = try TemporaryDirectory()
        var writer = makeWriter(directory.path)
        var now = Moment.start
        for first in stride(from: 0 as UInt64, to: 1_000, by: 10) {
            now = try writer.record(first..<first + 10, from: now)
        }
        try writer.close(now)
        let reader = try MCAPIndexedReader(
            MemorySource(try bytes(ofFile: directory.files[0])), from: Self.at(500), until: Self.at(520))
        #expect(reader.chunkIndexes.count == 2)
        #expect(reader.statistics?.messageCount == 1_001)
        let ids = try Reading(
            directory.path, filter: CaptureSelection(from: Self.at(500), until: Self.at(520))
        ).ids
        #expect(ids == (500..<520).map { $0 })
    }
}
