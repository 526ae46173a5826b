import Backplane
import Foundation
import MCAP
import Testing
import Time

@testable import Capture

@Suite struct SegmentInventoryTests {
    /// Three closed segments with ids 1...10, 11...20, 21...30, and the open one with 31.
    private static func capture(in path: String) throws -> CaptureWriter {
        var writer = makeWriter(path)
        var now = Moment.start
        for first in stride(from: 1 as UInt64, to: 31, by: 10) {
            now = try writer.record(first...first + 9, from: now)
            try writer.rotateNow(now)
        }
        try writer.record(31...31, from: now)
        return writer
    }

    @Test func listsItsSegmentsAndNothingElse() throws {
        let directory = try TemporaryDirectory()
        let writer = try Self.capture(in: directory.path)
        let names = directory.names
        try write(Array("no segment".utf8), toFile: directory.path + "/notes.mcap")
        try write([], toFile: directory.path + "/empty.mcap")
        try write(try bytes(ofFile: directory.files[0]), toFile: directory.path + "/.hidden.mcap")
        var foreign = MCAPWriter(header: Header(profile: "", library: "x"), sync: .random(), compression: .none)
        foreign.encodeStart(metadata: [])
        try write(Array(foreign.output), toFile: directory.path + "/foreign.mcap")
        symlink(directory.path + "/" + names[0], directory.path + "/link.mcap")
        mkdir(directory.path + "/folder.mcap", 0o700)

        var inventory = SegmentInventory(directory: directory.path)
        for _ in 0..<2 {
            let segments = try inventory.scan()
            #expect(segments.map(\.name) == names)
            #expect(segments.map(\.isOpen) == [false, false, false, true])
            #expect(segments.map(\.isClosed) == [true, true, true, false])
            #expect(
                segments.map { SegmentInventory.ids(of: $0.name, in: directory.path)["chat"] }
                    == [1...10, 11...20, 21...30, nil])
            #expect(segments.allSatisfy { !$0.isArchived && $0.startedAt >= Moment.start.realtime })
        }
        try ArchiveMarker.make(for: names[1], in: directory.path)
        #expect(try inventory.scan().map(\.isArchived) == [false, true, false, false])
        _ = consume writer
        #expect(try inventory.scan().map(\.isOpen) == [false, false, false, false])
    }

    @Test func removesSegmentsAndNothingElse() throws {
        let directory = try TemporaryDirectory()
        let writer = try Self.capture(in: directory.path)
        let names = directory.names
        try write(Array("no segment".utf8), toFile: directory.path + "/notes.mcap")
        symlink(directory.path + "/" + names[0], directory.path + "/link.mcap")
        try ArchiveMarker.make(for: names[1], in: directory.path)
        for name in [names[3], "notes.mcap", "link.mcap", "gone.mcap"] {
            #expect(try !SegmentRemoval.remove(name, from: directory.path), "\(name)")
        }
        #expect(try SegmentRemoval.remove(names[1], from: directory.path))
        #expect(directory.names == ([names[0], names[2], names[3], "link.mcap", "notes.mcap"]).sorted())
        _ = consume writer
    }
}
