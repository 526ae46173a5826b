import Backplane
import Foundation
import MCAP
import Testing

@testable import Capture

@Suite struct OrphanRecoveryTests {
    @Test(arguments: [Compression.none, .zstd(level: 1)])
    func cutAtEveryByteItIsClosedBehindItsLastWholeChunk(_ compression: Compression) async throws {
        let (bytes, name) = try smallSegment(compression, closed: false)
        let whole = try chunks(in: bytes)
        var leftAlone: [Int] = []
        for cut in 0...bytes.count {
            await Task.yield()
            let directory = try TemporaryDirectory()
            let path = directory.path + "/" + name
            try write(bytes[..<cut], toFile: path)
            var log: [String] = []
            _ = try CaptureDirectory.prepare(directory.path, at: .start) { log.append($0) }
            #expect(log.count == 1, "cut at \(cut)")
            if cut == 0 {
                #expect(directory.names == [], "an empty file is removed")
                continue
            }
            let reading = try Reading(path)
            let expected = whole.filter { $0.end <= cut }.flatMap(\.envelopes)
            #expect(reading.envelopes.map(\.payload) == expected, "cut at \(cut)")
            if reading.states == [.closed] {
                #expect(reading.damage == [], "cut at \(cut)")
            } else {
                leftAlone.append(cut)
                #expect(try #require(log.first).contains("was not changed"), "cut at \(cut)")
                #expect(try content(of: path) == Array(bytes[..<cut]), "cut at \(cut)")
            }

            // A second recovery changes nothing.
            log = []
            _ = try CaptureDirectory.prepare(directory.path, at: .start) { log.append($0) }
            #expect(log == [] || reading.states != [.closed], "cut at \(cut): \(log)")
        }
        // Before the first complete marker there is nothing to continue from, and no content.
        #expect(leftAlone == Array(1..<(leftAlone.count + 1)))
        #expect(leftAlone.count < Int(whole[0].end))
    }

    private func content(of path: String) throws -> [UInt8] { try bytes(ofFile: path) }

    @Test func theEndMatchesThatOfAGracefulStop() throws {
        let directory = try TemporaryDirectory()
        let (bytes, name) = try smallSegment(.none, closed: false)
        let path = directory.path + "/" + name
        try write(bytes, toFile: path)
        var log: [String] = []
        let previous = try CaptureDirectory.prepare(directory.path, at: .start) { log.append($0) }
        #expect(log == ["closed '\(path)', which an earlier run left open: 34 messages in 3 chunks"])
        #expect(previous == CaptureDirectory.Previous(segment: name, lastIDs: ["chat": 36]))
        let payloads = try Reading(path).envelopes.map(\.payload)
        #expect(
            try metadata("capture.end", in: try content(of: path)) == [
                "recovered": "true", "ended_at": "2026-11-22T21:41:00.000000000Z", "envelopes": "30",
                "bytes": "\(payloads.reduce(0) { $0 + $1.count })", "first_ids": #"{"chat":3}"#,
                "last_ids": #"{"chat":36}"#,
            ])
    }

    @Test func anIncompleteWriteIsCutOffAndReported() throws {
        let directory = try TemporaryDirectory()
        let (bytes, name) = try smallSegment(.none, closed: false)
        let path = directory.path + "/" + name
        let second = Int(try chunks(in: bytes)[1].end)
        try write(bytes[..<(second + 700)], toFile: path)
        var log: [String] = []
        let previous = try CaptureDirectory.prepare(directory.path, at: .start) { log.append($0) }
        #expect(try #require(log.first).contains("23 messages in 2 chunks, a torn write of "))
        #expect(previous.lastIDs == ["chat": 24])
    }

    @Test func anOrphanWithoutEnvelopesKeepsTheIDsBeforeIt() throws {
        let directory = try TemporaryDirectory()
        do {
            var writer = makeWriter(directory.path, previous: .init(segment: "old.mcap", lastIDs: ["chat": 77]))
            try writer.connected(runID: "a1", redisVersion: nil, at: .start)
        }
        let previous = try CaptureDirectory.prepare(directory.path, at: .start) { _ in }
        #expect(previous.lastIDs == ["chat": 77])
    }

    @Test func aSegmentOpenInAnotherRelayIsLeftAlone() throws {
        let directory = try TemporaryDirectory()
        var writer = makeWriter(directory.path)
        let now = try writer.record(1...3, from: .start)
        let before = try content(of: directory.files[0])
        var log: [String] = []
        _ = try CaptureDirectory.prepare(directory.path, at: .start) { log.append($0) }
        #expect(log == ["'\(directory.files[0])' is being recorded by another process"])
        #expect(try content(of: directory.files[0]) == before)
        try writer.close(now)
    }

    @Test func aFileOfAnotherProgramIsLeftAlone() throws {
        let directory = try TemporaryDirectory()
        let path = directory.path + "/x.mcap"
        var writer = MCAPWriter(header: Header(profile: "ros2", library: "rosbag"), sync: .random(), compression: .none)
        writer.encodeStart(metadata: [])
        try write(Array(writer.output), toFile: path)
        let before = try content(of: path)
        var log: [String] = []
        _ = try CaptureDirectory.prepare(directory.path, at: .start) { log.append($0) }
        #expect(try #require(log.first).contains("its profile is not 'signalr-backplane'"))
        #expect(try content(of: path) == before)
    }

    @Test func damageInTheMiddleIsLeftToRecover() throws {
        let directory = try TemporaryDirectory()
        var (damaged, name) = try smallSegment(.none, closed: false)
        let path = directory.path + "/" + name
        let first = Int(try chunks(in: damaged)[0].end)
        damaged[first - 100] ^= 0x55
        try write(damaged, toFile: path)
        var log: [String] = []
        _ = try CaptureDirectory.prepare(directory.path, at: .start) { log.append($0) }
        #expect(try #require(log.first).contains("was not changed"))
        #expect(try content(of: path) == damaged)
    }
}
