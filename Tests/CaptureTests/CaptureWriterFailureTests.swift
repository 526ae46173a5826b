import Foundation
import MCAP
import Testing

@testable import Capture

@Suite struct CaptureWriterFailureTests {
    /// Limits the size of this process's files to `bytes`: simulates a full disk.
    static func limitFileSize(to bytes: UInt64) {
        signal(SIGXFSZ, SIG_IGN)
        var limit = rlimit(rlim_cur: rlim_t(bytes), rlim_max: rlim_t.max)
        setrlimit(__rlimit_resource_t(RLIMIT_FSIZE.rawValue), &limit)
    }

    /// Writes chunks of about 8 KB until one exceeds 20 kB.
    ///
    /// - Returns: the error of the failed write, and the first id that was not written.
    static func recordUntilFailure(_ writer: inout CaptureWriter) -> (error: CaptureError?, first: UInt64) {
        for first in stride(from: 1 as UInt64, to: 1_000, by: 10) {
            for id in first...first + 9 { writer.append(payload(id, size: 700), at: .start) }
            do {
                try writer.flush(.start)
            } catch {
                return (error, first)
            }
        }
        return (nil, 0)
    }

    @Test func afterAFailedWriteTheChunkGoesIntoTheNextSegment() async {
        await #expect(processExitsWith: .success) {
            let directory = try TemporaryDirectory()
            Self.limitFileSize(to: 20_000)
            let log = WriterLog()
            var writer = makeWriter(directory.path, compression: .none, log: log)
            let (error, first) = Self.recordUntilFailure(&writer)
            #expect(error?.isOutOfSpace == true)
            #expect(first == 21)
            let abandoned = try Reading(directory.path)
            #expect(abandoned.ids == (1..<first).map { $0 })
            #expect(abandoned.damage == [])
            #expect(abandoned.states == [.unclosed])

            try writer.close(.start)
            let reading = try Reading(directory.path)
            #expect(reading.ids == (1...first + 9).map { $0 })
            #expect(reading.damage == [])
            #expect(reading.states == [.unclosed, .closed])
            let end = try metadata("capture.end", in: try bytes(ofFile: directory.files[1]))
            #expect(end?["envelopes"] == "10")
            #expect(log.chunks.map(\.envelopes) == [10, 10, 10])
        }
    }

    @Test func aDiscardedChunkIsReportedLost() async {
        await #expect(processExitsWith: .success) {
            let directory = try TemporaryDirectory()
            Self.limitFileSize(to: 20_000)
            var writer = makeWriter(directory.path, channels: ["chat", "game"], compression: .none)
            let (error, first) = Self.recordUntilFailure(&writer)
            #expect(error != nil)
            writer.append(payload(5_000), channel: 1, at: .start)
            let lost = writer.discardChunk().lost
            #expect(lost.map(\.envelopes) == [10, 1])
            #expect(lost[0].bytes == (first...first + 9).reduce(0) { $0 + payload($1, size: 700).count })
            #expect(lost[1].bytes == payload(5_000).count)
            #expect(lost.map(\.ids) == [[first...first + 9], [5_000...5_000]])
            #expect(writer.discardChunk().lost.map(\.envelopes) == [0, 0])

            try writer.close(try writer.record(100...101, from: .start))
            let reading = try Reading(directory.path)
            #expect(reading.ids == (1..<first).map { $0 } + [100, 101])
            #expect(reading.damage == [])
            // Only written envelopes count as the last id before a segment.
            let start = try metadata("capture", in: try bytes(ofFile: directory.files[1]))
            #expect(start?["last_ids"] == "{\"chat\":\(first - 1)}")
        }
    }

    @Test func aSegmentWhoseStartCannotBeWrittenLeavesNoFile() async {
        await #expect(processExitsWith: .success) {
            let directory = try TemporaryDirectory()
            Self.limitFileSize(to: 100)
            var writer = makeWriter(directory.path)
            writer.append(payload(1), at: .start)
            #expect(throws: CaptureError.self) { try writer.flush(.start) }
            #expect(directory.names == [])
            Self.limitFileSize(to: 1 << 30)
            try writer.close(.start)
            #expect(try Reading(directory.path).ids == [1])
        }
    }

    @Test func nothingIsLostIfTheDirectoryReturns() throws {
        let parent = try TemporaryDirectory()
        let path = parent.path + "/capture"
        // A missing directory would be recreated; one replaced by a file cannot be.
        try write([], toFile: path)
        var writer = makeWriter(path)
        writer.append(payload(1), at: .start)
        for _ in 0..<2 {
            #expect {
                try writer.flush(.start)
            } throws: { error in
                guard case CaptureError.system(operation: "create", _, ENOTDIR) = error else { return false }
                return true
            }
            writer.append(payload(2), at: .start)
        }
        try FileManager.default.removeItem(atPath: path)
        try writer.close(.start)
        #expect(try Reading(path).ids == [1, 2, 2])
        #expect(try mode(of: path) == 0o700)
    }

    @Test func rangesMissingBeforeTheSegmentBeganAreInItsEnd() throws {
        let directory = try TemporaryDirectory()
        var writer = makeWriter(directory.path)
        writer.append(.dropped(channel: "chat", envelopes: 2, bytes: 9, reason: "write_error", ids: 1...2), at: .start)
        try writer.close(.start)
        let end = try metadata("capture.end", in: try bytes(ofFile: directory.files[0]))
        #expect(end?["missing"] == #"[{"channel":"chat","from":1,"to":2}]"#)
    }
}
