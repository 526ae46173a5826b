import Foundation
import Testing
import Time

@testable import Capture

@Suite struct SegmentFileTests {
    @Test func onlyTheOwnerMayRead() throws {
        let parent = try TemporaryDirectory()
        let path = parent.path + "/capture"
        _ = try CaptureDirectory.prepare(path, at: .start) { _ in }
        var writer = makeWriter(path)
        try writer.close(try writer.record(1...1, from: .start))
        #expect(try mode(of: path) == 0o700)
        let name = try #require(try FileManager.default.contentsOfDirectory(atPath: path).first)
        #expect(try mode(of: path + "/" + name) == 0o600)
    }

    @Test func theLockIsHeldWhileTheFileIsOpen() throws {
        let directory = try TemporaryDirectory()
        let path = directory.path + "/a.mcap"
        var file = try SegmentFile.create(path: path)
        #expect(file != nil)
        withExtendedLifetime(file) {}
        #expect(try FileSource(path: path).isLive)
        #expect(try SegmentFile.reopen(path: path) == nil)
        file = nil
        #expect(try !FileSource(path: path).isLive)
        #expect(try SegmentFile.reopen(path: path) != nil)
    }

    @Test func aNameIsUsedOnce() throws {
        let directory = try TemporaryDirectory()
        let path = directory.path + "/a.mcap"
        #expect(try SegmentFile.create(path: path) != nil)
        #expect(try SegmentFile.create(path: path) == nil)
    }

    @Test func writesAtTheGivenOffset() throws {
        let directory = try TemporaryDirectory()
        let path = directory.path + "/a.mcap"
        let file = try #require(try SegmentFile.create(path: path))
        try Array("hello world".utf8).withUnsafeBytes { try file.write($0, at: 0) }
        try Array("there".utf8).withUnsafeBytes { try file.write($0, at: 6) }
        try file.sync()
        #expect(try bytes(ofFile: path) == Array("hello there".utf8))
        try file.truncate(to: 5)
        #expect(try bytes(ofFile: path) == Array("hello".utf8))
    }

    @Test func errorsNamePathOperationAndRemedy() throws {
        let directory = try TemporaryDirectory()
        #expect(throws: CaptureError.system(operation: "create", path: directory.path + "/no/a.mcap", errno: ENOENT)) {
            _ = try SegmentFile.create(path: directory.path + "/no/a.mcap")
        }
        #expect(throws: CaptureError.notFound(path: directory.path + "/b.mcap")) {
            _ = try FileSource(path: directory.path + "/b.mcap")
        }
        let full = CaptureError.system(operation: "write", path: "/x", errno: ENOSPC)
        #expect(full.description == "cannot write '/x': no space left on the disk; free space, or name another disk")
        #expect(full.isOutOfSpace)
        #expect(!CaptureError.system(operation: "write", path: "/x", errno: EIO).isOutOfSpace)
    }
}

@Suite struct SegmentNameTests {
    static let names: [([String], String)] = [
        (["chat"], "chat-20261122T214100.000Z.mcap"),
        (["chat", "game", "log"], "chat+2-20261122T214100.000Z.mcap"),
        ([], "capture-20261122T214100.000Z.mcap"),
    ]

    @Test(arguments: names) func nameOfASegment(channels: [String], name: String) {
        #expect(SegmentName.make(channels: channels, start: Moment.start.realtime) == name)
    }

    static let channels: [(String, String)] = [
        ("chat", "chat"), ("My.App-1_x", "My.App-1_x"), ("", "_"), (".hidden", "_hidden"), ("..", "_."),
        ("../../etc/passwd", "_._.._etc_passwd"), ("a/b:c d", "a_b_c_d"), ("zürich", "z_rich"), ("日本", "__"),
        ("nul\0l", "nul_l"), (String(repeating: "x", count: 300), String(repeating: "x", count: 100)),
    ]

    @Test(arguments: channels) func aChannelNameIsMadeSafe(channel: String, name: String) {
        #expect(SegmentName.safe(channel) == name)
    }
}
