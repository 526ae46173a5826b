import Backplane
import Foundation
import Testing
import Time

@testable import Capture

@Suite struct CaptureDirectoryTests {
    @Test func theNextRunContinuesFromTheIDs() throws {
        let directory = try TemporaryDirectory()
        #expect(try CaptureDirectory.prepare(directory.path, at: .start) { _ in } == CaptureDirectory.Previous())
        var writer = makeWriter(directory.path, channels: ["chat", "game"])
        writer.append(payload(9), channel: 1, at: .start)
        try writer.close(try writer.record(1...5, from: .start))

        var previous = try CaptureDirectory.prepare(directory.path, at: .start) { _ in }
        #expect(previous == CaptureDirectory.Previous(segment: directory.names[0], lastIDs: ["chat": 5, "game": 9]))

        // The next run records one of them only; the other is kept.
        var next = makeWriter(directory.path, channels: ["chat"], previous: previous)
        try next.close(try next.record(6...8, from: Moment.start.after(milliseconds: 60_000)))
        let start = try metadata("capture", in: try bytes(ofFile: directory.files[1]))
        #expect(start?["last_ids"] == #"{"chat":5}"#)
        #expect(start?["previous_segment"] == directory.names[0])
        previous = try CaptureDirectory.prepare(directory.path, at: .start) { _ in }
        #expect(previous == CaptureDirectory.Previous(segment: directory.names[1], lastIDs: ["chat": 8, "game": 9]))
    }

    /// Two channels in Redis, one name in Swift.
    @Test func namesInTwoUnicodeFormsAreTwoChannels() throws {
        let names = ["zo\u{E9}", "zoe\u{301}"]
        let directory = try TemporaryDirectory()
        var writer = makeWriter(directory.path, channels: names)
        var now = try writer.record(1...5, channel: 0, from: .start)
        now = try writer.record([1, 2, 5], channel: 1, from: now)
        #expect(try OrphanRecovery.ends(of: FileSource(path: directory.files[0])).lastIDs.count == 2)
        writer.append(
            .mayBeMissing(channel: names[1], RecordingDoubt(after: 5, reason: .redisAway)), at: now)
        try writer.close(now, .stopped(checkedIDs: [names[0]: 5]))

        let previous = try CaptureDirectory.prepare(directory.path, at: .start) { _ in }
        #expect(previous.lastIDs == [names[0]: 5, names[1]: 5])
        #expect(previous.doubts[names[0]] == nil && previous.doubts[names[1]]?.reason == .redisAway)
        let summary = try CaptureSummary(of: CaptureReader(paths: [directory.path]))
        #expect(summary.channels.map { Array($0.channel.utf8) } == names.map { Array($0.utf8) })
        #expect(summary.channels.map(\.envelopes) == [5, 3] && summary.channels.map(\.missingIDs) == [0, 2])
        for (name, count) in zip(names, [5, 3]) {
            var selection = CaptureSelection.all
            selection.channels = [OrdinalName(name)]
            var seen = 0
            _ = try CaptureReader(paths: [directory.path]).forEach(selection) { if case .envelope = $0 { seen += 1 } }
            #expect(seen == count)
        }
    }

    /// Each segment names its predecessor; start times may be wrong.
    @Test func segmentsKeepTheirOrderWhenTheClockIsSet() throws {
        let directory = try TemporaryDirectory()
        let hour: UInt64 = 3_600_000_000_000
        // Correct, an hour ahead, two hours behind, correct again.
        let clock: [UInt64] = [2 * hour, 3 * hour, 0, 2 * hour + 1_000_000_000]
        var previous = CaptureDirectory.Previous()
        for (number, offset) in clock.enumerated() {
            let now = Moment(realtime: Moment.start.realtime + offset, monotonic: Moment.start.monotonic)
            var writer = makeWriter(directory.path, previous: previous)
            let first = UInt64(number) * 5 + 1
            try writer.close(try writer.record(first...first + 4, from: now))
            previous = try CaptureDirectory.prepare(directory.path, at: now) { _ in }
            #expect(previous.lastIDs == ["chat": first + 4])
        }
        var ids: [UInt64] = []
        try CaptureReader(paths: [directory.path]).forEach { item in
            if case .envelope(let envelope) = item { ids.append(try EnvelopeID.parse(envelope.payload).id) }
        }
        #expect(ids == Array(1...20))
    }

    @Test func theLastIDsOfAnUnclosedSegmentAreFound() throws {
        let directory = try TemporaryDirectory()
        var writer = makeWriter(directory.path, channels: ["chat", "game"], previous: .init(lastIDs: ["game": 7]))
        try writer.record(1...5, from: .start)
        #expect(try OrphanRecovery.ends(of: FileSource(path: directory.files[0])).lastIDs == ["chat": 5, "game": 7])
    }

    @Test func otherFilesAreNotSegments() throws {
        let directory = try TemporaryDirectory()
        try write(Array("x".utf8), toFile: directory.path + "/notes.txt")
        try write(Array("x".utf8), toFile: directory.path + "/.hidden.mcap")
        try FileManager.default.createDirectory(
            atPath: directory.path + "/recovered.mcap", withIntermediateDirectories: false)
        var log: [String] = []
        #expect(try CaptureDirectory.prepare(directory.path, at: .start) { log.append($0) } == .init())
        #expect(log == [])
        #expect(throws: CaptureError.noSegments(path: directory.path)) {
            _ = try CaptureDirectory.segmentFiles(in: directory.path)
        }
    }

    @Test func aFileInPlaceOfTheDirectoryIsReported() throws {
        let directory = try TemporaryDirectory()
        let path = directory.path + "/capture"
        try write(Array("x".utf8), toFile: path)
        #expect(throws: CaptureError.notADirectory(path: path)) {
            _ = try CaptureDirectory.prepare(path, at: .start) { _ in }
        }
        let deep = directory.path + "/no/such"
        #expect(throws: CaptureError.system(operation: "make the directory", path: deep, errno: ENOENT)) {
            _ = try CaptureDirectory.prepare(deep, at: .start) { _ in }
        }
    }

    @Test func freeSpace() throws {
        let directory = try TemporaryDirectory()
        #expect(try #require(CaptureDirectory.freeBytes(at: directory.path)) > 0)
        #expect(CaptureDirectory.freeBytes(at: directory.path + "/none") == nil)
    }
}
