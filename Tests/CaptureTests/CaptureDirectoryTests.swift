import Foundation
import Testing

@testable import Capture

@Suite struct CaptureDirectoryTests {
    @Test func idsAreCarriedIntoTheNextRun() throws {
        let directory = try TemporaryDirectory()
        #expect(try CaptureDirectory.prepare(directory.path, at: .start) { _ in } == CaptureDirectory.Previous())
        var writer = makeWriter(directory.path, channels: ["chat", "game"])
        writer.append(payload(9), channel: 1, at: .start)
        try writer.close(try writer.record(1...5, from: .start))

        var previous = try CaptureDirectory.prepare(directory.path, at: .start) { _ in }
        #expect(previous == CaptureDirectory.Previous(segment: directory.names[0], lastIDs: ["chat": 5, "game": 9]))

        // The next run records one of them only; the other is not forgotten.
        var next = makeWriter(directory.path, channels: ["chat"], previous: previous)
        try next.close(try next.record(6...8, from: Moment.start.after(milliseconds: 60_000)))
        let start = try metadata("capture", in: try bytes(ofFile: directory.files[1]))
        #expect(start?["last_ids"] == #"{"chat":5}"#)
        #expect(start?["previous_segment"] == directory.names[0])
        previous = try CaptureDirectory.prepare(directory.path, at: .start) { _ in }
        #expect(previous == CaptureDirectory.Previous(segment: directory.names[1], lastIDs: ["chat": 8, "game": 9]))
    }

    @Test func otherFilesAreNoSegments() throws {
        let directory = try TemporaryDirectory()
        try write(Array("x".utf8), toFile: directory.path + "/notes.txt")
        try write(Array("x".utf8), toFile: directory.path + "/.hidden.mcap")
        var log: [String] = []
        #expect(try CaptureDirectory.prepare(directory.path, at: .start) { log.append($0) } == .init())
        #expect(log == [])
        #expect(throws: CaptureError.noSegments(path: directory.path)) {
            _ = try CaptureDirectory.segmentFiles(at: directory.path)
        }
    }

    @Test func aFileInItsPlaceIsSaid() throws {
        let directory = try TemporaryDirectory()
        let path = directory.path + "/capture"
        try write(Array("x".utf8), toFile: path)
        #expect(throws: CaptureError.notADirectory(path: path)) {
            _ = try CaptureDirectory.prepare(path, at: .start) { _ in }
        }
        let deep = directory.path + "/no/such"
        #expect(throws: CaptureError.system(operation: "make directory", path: deep, errno: ENOENT)) {
            _ = try CaptureDirectory.prepare(deep, at: .start) { _ in }
        }
    }

    @Test func freeSpace() throws {
        let directory = try TemporaryDirectory()
        #expect(try #require(CaptureDirectory.freeBytes(at: directory.path)) > 0)
        #expect(CaptureDirectory.freeBytes(at: directory.path + "/none") == nil)
    }
}
