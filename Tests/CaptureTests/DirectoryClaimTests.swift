import Foundation
import MCAP
import Testing

@testable import Capture

@Suite struct DirectoryClaimTests {
    @Test func oneProcessRecordsIntoADirectory() throws {
        let directory = try TemporaryDirectory()
        let path = directory.path + "/capture"
        #expect(DirectoryClaim.objection(to: path) == nil, "a directory that does not exist is free")
        do {
            let claim = try #require(try DirectoryClaim.take(path))
            #expect(throws: CaptureError.recorded(directory: path, segment: nil, process: Self.ours)) {
                try DirectoryClaim.take(path)
            }
            #expect(DirectoryClaim.objection(to: path) == .recorded(directory: path, segment: nil, process: Self.ours))
            withExtendedLifetime(claim) {}
        }
        // As after a crash: no lock is left.
        #expect(try FileManager.default.contentsOfDirectory(atPath: path) == [])
        #expect(DirectoryClaim.objection(to: path) == nil)
        #expect(try DirectoryClaim.take(path) != nil)
    }

    @Test func anOpenSegmentRevealsARelayWithoutALock() throws {
        let directory = try TemporaryDirectory()
        var writer = makeWriter(directory.path)
        let end = try writer.record(1...3, from: .start)
        let error = CaptureError.recorded(
            directory: directory.path, segment: directory.files[0], process: Self.ours)
        #expect(throws: error) { try DirectoryClaim.take(directory.path) }
        #expect(DirectoryClaim.objection(to: directory.path) == error)
        #expect(error.description.contains(directory.files[0]) && error.description.contains("directory of its own"))
        try writer.close(end)
        #expect(try DirectoryClaim.take(directory.path) != nil)
    }

    @Test func anOrphanOfACrashDoesNotBlockTheNextRun() throws {
        let directory = try TemporaryDirectory()
        let (bytes, name) = try smallSegment(.none, closed: false)
        try write(bytes, toFile: directory.path + "/" + name)
        #expect(try DirectoryClaim.take(directory.path) != nil)
    }

    static let lists: [(String, Int?)] = [
        ("1: FLOCK  ADVISORY  WRITE 4711 08:01:77 0 EOF\n", 4711),
        ("1: POSIX  ADVISORY  WRITE 4711 08:01:77 0 EOF\n", nil),
        ("1: FLOCK  ADVISORY  READ 4711 08:01:77 0 EOF\n", nil),
        ("1: FLOCK  ADVISORY  WRITE 4711 08:01:78 0 EOF\n", nil),
        ("1: FLOCK  ADVISORY  WRITE 0 08:01:77 0 EOF\n", nil),
        ("1: FLOCK  ADVISORY  WRITE 1 08:01:77 0 EOF\n2: FLOCK  ADVISORY  WRITE 2 00:2f:77 0 EOF\n", nil),
        ("1: FLOCK  ADVISORY  WRITE 4711 08:01:77 0 EOF\n1: -> FLOCK  ADVISORY  WRITE 12 08:01:77 0 EOF\n", 4711),
        ("", nil),
    ]

    @Test(arguments: lists) func theHolderOfALock(list: String, process: Int?) {
        #expect(FileLocks.holder(inode: 77, in: list) == process)
    }

    /// Nil if the process is outside this namespace.
    private static var ours: Int? {
        guard let list = try? String(contentsOfFile: "/proc/locks", encoding: .utf8) else { return nil }
        let id = Int(ProcessInfo.processInfo.processIdentifier)
        return list.split(separator: "\n").contains { $0.split(separator: " ").contains("\(id)") } ? id : nil
    }
}
