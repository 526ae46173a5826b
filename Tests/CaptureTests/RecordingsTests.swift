import Backplane
import Foundation
import Testing
import Time

@testable import Capture

/// Recordings of several relays in one directory.
@Suite struct RecordingsTests {
    private static func at(_ seconds: UInt64) -> Moment { Moment.start.after(milliseconds: seconds * 1_000) }

    /// One envelope per second, starting at the second given by its id.
    private static func record(_ ids: ClosedRange<UInt64>, into writer: inout CaptureWriter) throws {
        for id in ids {
            writer.append(payload(id), at: at(id))
            try writer.flush(at(id))
        }
    }

    private static func writer(
        _ directory: String, isOld: Bool = false, previous: String? = nil, lastID: UInt64? = nil,
        channel: String = "chat"
    ) -> CaptureWriter {
        var writer = makeWriter(
            directory, channels: [channel],
            previous: .init(segment: previous, lastIDs: lastID.map { [channel: $0] } ?? [:]))
        if isOld { writer.segments.recordingID = nil }
        return writer
    }

    private static func counts(_ path: String) throws -> [Int] {
        try CaptureReader(paths: [path]).recordings.map(\.count)
    }

    @Test(arguments: [false, true])
    func whatTwoRelaysRecordedInOneDirectoryIsReadOnce(isOld: Bool) throws {
        let directory = try TemporaryDirectory()
        var one = Self.writer(directory.path, isOld: isOld)
        try Self.record(1...20, into: &one)
        // The second relay starts while the first records; earlier versions let it name the open segment.
        var other = Self.writer(directory.path, isOld: isOld, previous: isOld ? directory.names[0] : nil)
        try Self.record(10...20, into: &other)
        for id in 21...60 as ClosedRange<UInt64> {
            try Self.record(id...id, into: &one)
            try Self.record(id...id, into: &other)
            if id == 30 { try one.rotateNow(Self.at(id)) }
            if id == 40 { try other.rotateNow(Self.at(id)) }
        }
        #expect(try Reading(directory.path).ids == Array(1...60), "while both relays record")
        try one.close(Self.at(61))
        try Self.record(62...70, into: &other)
        try other.close(Self.at(71))
        #expect(try Reading(directory.path).ids == Array(1...60) + Array(62...70))
        #expect(try Self.counts(directory.path) == [2, 2])

        let summary = try CaptureSummary(of: CaptureReader(paths: [directory.path]))
        let chat = try #require(summary.channels.first)
        #expect(chat.counterResets == [] && chat.duplicateIDs == 0)
        #expect(chat.envelopes == 69 && summary.envelopes == 69)
        #expect(chat.holes == [.init(from: 61, to: 61, cause: "unknown")] && chat.missingIDs == 1)
        #expect(summary.recordings.map(\.envelopes).sorted() == [60, 60])
        #expect(summary.segments.count == 4)
    }

    @Test func anOldRelayThatNeverRotatedIsNotAPredecessor() throws {
        let directory = try TemporaryDirectory()
        var one = Self.writer(directory.path, isOld: true)
        try Self.record(1...5, into: &one)
        var other = Self.writer(directory.path, isOld: true, previous: directory.names[0])
        try Self.record(6...9, into: &one)
        try Self.record(4...9, into: &other)
        try other.rotateNow(Self.at(10))
        try Self.record(11...12, into: &other)
        try one.close(Self.at(13))
        try other.close(Self.at(13))
        #expect(try Reading(directory.path).ids == Array(1...9) + [11, 12])
        #expect(try Self.counts(directory.path).sorted() == [1, 2])
    }

    @Test func anEnvelopeInOneRecordingIsNotMissing() throws {
        let directory = try TemporaryDirectory()
        var one = Self.writer(directory.path)
        var other = Self.writer(directory.path)
        try Self.record(1...4, into: &one)
        one.append(.gap(channel: "chat", from: 5, to: 9, cause: .connectionLost), at: Self.at(10))
        try Self.record(10...20, into: &one)
        one.append(.gap(channel: "chat", from: 21, to: 40, cause: .connectionLost), at: Self.at(41))
        try Self.record(1...11, into: &other)
        other.append(
            .dropped(channel: "chat", envelopes: 3, bytes: 9, reason: "buffer_full", ids: 12...14), at: Self.at(12))
        other.append(.duplicate(channel: "chat", id: 11), at: Self.at(12))
        try Self.record(15...30, into: &other)
        try one.close(Self.at(50))
        try other.close(Self.at(50))
        let reading = try Reading(directory.path)
        #expect(reading.ids == Array(1...30))
        // No other recording covers the time after the last envelope.
        #expect(reading.events.filter { $0.event != "segment" }.map(\.event) == ["gap"])
        #expect(reading.events.contains { $0.event == "gap" && $0.from == 21 && $0.to == 40 })
    }

    @Test func aGapInBothRecordingsIsReportedOnceWithItsCause() throws {
        let directory = try TemporaryDirectory()
        for _ in 0..<2 {
            var writer = Self.writer(directory.path)
            try Self.record(1...4, into: &writer)
            writer.append(.gap(channel: "chat", from: 5, to: 9, cause: .redisRestart), at: Self.at(10))
            try Self.record(10...12, into: &writer)
            try writer.close(Self.at(13))
        }
        let summary = try CaptureSummary(of: CaptureReader(paths: [directory.path]))
        #expect(summary.channels.first?.holes == [.init(from: 5, to: 9, cause: "redis_restart")])
        #expect(summary.events["gap"] == 1)
    }

    @Test func aFilterReadsTheMatchingSegments() throws {
        let directory = try TemporaryDirectory()
        for _ in 0..<2 {
            var writer = Self.writer(directory.path)
            try Self.record(1...30, into: &writer)
            try writer.close(Self.at(31))
        }
        let some = try Reading(
            directory.path,
            filter: CaptureSelection(from: Self.at(5).realtime, until: Self.at(25).realtime, fromID: 8, untilID: 30))
        #expect(some.ids == Array(8...24))
        #expect(!some.events.contains { $0.event == "gap" })
        var seen = 0
        let report = try CaptureReader(paths: [directory.path]).forEach { item in
            guard case .envelope = item else { return }
            seen += 1
            if seen == 3 { throw CaptureReadingEnd() }
        }
        #expect(seen == 3 && report.segments.count == 2)
    }

    @Test func aCopyOfASegmentUnderAnotherNameIsReadOnce() throws {
        let directory = try TemporaryDirectory()
        var writer = Self.writer(directory.path)
        try Self.record(1...10, into: &writer)
        try writer.rotateNow(Self.at(11))
        try Self.record(11...20, into: &writer)
        try writer.rotateNow(Self.at(21))
        try Self.record(21...30, into: &writer)
        try writer.close(Self.at(31))
        try FileManager.default.copyItem(atPath: directory.files[1], toPath: directory.path + "/copy.mcap")
        #expect(try Reading(directory.path).ids == Array(1...30))
        // A file given twice is read once.
        #expect(try Reading(directory.path, directory.files[2]).ids == Array(1...30))
    }

    @Test func oneRelayAfterAnotherIsOneRecording() throws {
        let directory = try TemporaryDirectory()
        for run in 0..<4 as Range<UInt64> {
            let previous = try CaptureDirectory.prepare(directory.path, at: Self.at(run * 10)) { _ in }
            var writer = makeWriter(directory.path, previous: previous)
            try Self.record(run * 10 + 1...run * 10 + 5, into: &writer)
            try writer.rotateNow(Self.at(run * 10 + 6))
            try Self.record(run * 10 + 6...run * 10 + 9, into: &writer)
            try writer.close(Self.at(run * 10 + 10))
        }
        #expect(try Self.counts(directory.path) == [8])
        // Retention deleted some segments in the middle.
        try FileManager.default.removeItem(atPath: directory.files[3])
        #expect(try Self.counts(directory.path) == [7])
        // The earlier directory of another relay, copied into this one.
        var elsewhere = Self.writer(directory.path)
        try Self.record(100...110, into: &elsewhere)
        try elsewhere.close(Self.at(111))
        #expect(try Self.counts(directory.path) == [8])
    }

    @Test func moreRecordingsThanTheLimitAreAnError() throws {
        let directory = try TemporaryDirectory()
        for _ in 0..<65 {
            var writer = Self.writer(directory.path)
            try Self.record(1...3, into: &writer)
            try writer.close(Self.at(4))
        }
        #expect(throws: CaptureError.tooManyRecordings(65, limit: 64)) { try Reading(directory.path) }
    }

    @Test func theNextRunContinuesTheRecordingThatEndedLast() throws {
        let directory = try TemporaryDirectory()
        var one = Self.writer(directory.path)
        var other = Self.writer(directory.path)
        try Self.record(1...30, into: &one)
        try one.close(Self.at(31))
        try Self.record(1...20, into: &other)
        try other.close(Self.at(21))
        let previous = try CaptureDirectory.prepare(directory.path, at: Self.at(40)) { _ in }
        #expect(previous.lastIDs == ["chat": 30])
    }
}
