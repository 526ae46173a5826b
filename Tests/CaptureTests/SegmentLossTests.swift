import Foundation
import TestSupport
import Testing
import Time

@testable import Capture

/// External changes to the open file are detected, reported by id, and survived.
@Suite struct SegmentLossTests {
    private static func identity(
        _ path: String, published: ClosedRange<UInt64>, _ cause: SegmentLoss.Cause
    ) throws -> (missing: [ClosedRange<UInt64>], recorded: Set<UInt64>) {
        let reading = try Reading(path)
        let recorded = Set(reading.ids.compactMap { $0 })
        let missing = reading.events.filter { $0.cause == cause.rawValue }.compactMap { event in
            event.from.flatMap { from in event.to.map { from...$0 } }
        }
        var all = recorded
        for range in missing {
            for id in range {
                #expect(!recorded.contains(id), "\(id) is recorded and reported missing")
                all.insert(id)
            }
        }
        #expect(all == Set(published), "published = recorded + reported missing")
        return (missing, recorded)
    }

    @Test func aDeletedSegmentIsReportedById() throws {
        let directory = try TemporaryDirectory()
        let log = WriterLog()
        var writer = makeWriter(directory.path, log: log)
        var now = try writer.record(1...10, from: .start)
        unlink(directory.files[0])
        // The next flush detects it, however soon.
        now = try writer.record(11...20, from: now)
        try writer.close(now)
        #expect(try Self.identity(directory.path, published: 1...20, .removed).missing == [1...10])
        let summary = try CaptureSummary(of: CaptureReader(paths: [directory.path]))
        #expect(
            summary.channels[0].holes == [CaptureSummary.Hole(from: 1, to: 10, cause: "segment_removed")])
        #expect(summary.channels[0].missingIDs == 10)
        #expect(summary.verdict.isComplete == false && summary.damage.count == 1)
        #expect(log.losses.map(\.cause) == [.removed] && log.losses.map(\.envelopes) == [10])
    }

    /// No later envelope reveals the loss.
    @Test func aDeletionBeforeTheEndIsCounted() throws {
        let directory = try TemporaryDirectory()
        var writer = makeWriter(directory.path)
        let now = try writer.record(1...10, from: .start)
        unlink(directory.files[0])
        try writer.close(now)
        let summary = try CaptureSummary(of: CaptureReader(paths: [directory.path]))
        #expect(summary.channels.map(\.missingIDs) == [10])
        #expect(summary.channels[0].holes.map(\.cause) == ["segment_removed"])
    }

    @Test func aCutLosesOnlyWhatFollowsIt() throws {
        var random = SplitMix64.announced()
        for _ in 0..<40 {
            let directory = try TemporaryDirectory()
            var writer = makeWriter(directory.path)
            var now = Moment.start
            for first in stride(from: 1 as UInt64, to: 51, by: 10) {
                now = try writer.record(first...first + 9, from: now)
            }
            let path = directory.files[0]
            let size = try bytes(ofFile: path).count
            let cut = Int.random(in: 0..<size, using: &random)
            truncate(path, off_t(cut))
            now = try writer.record(51...60, from: now)
            try writer.close(now)
            let missing = try Self.identity(directory.path, published: 1...60, .truncated).missing
            #expect(missing.allSatisfy { $0.upperBound == 50 }, "cut at \(cut)")
            let summary = try CaptureSummary(of: CaptureReader(paths: [directory.path]))
            #expect(summary.channels[0].envelopes + Int(summary.channels[0].missingIDs) == 60, "cut at \(cut)")
            #expect(summary.channels[0].holes.allSatisfy { $0.cause == "segment_truncated" })
            #expect(summary.verdict.exitStatus == 3)
        }
    }

    @Test func missingIdsReportedInTheLostPartAreReportedAgain() throws {
        let directory = try TemporaryDirectory()
        var writer = makeWriter(directory.path)
        writer.append(.dropped(channel: "chat", envelopes: 3, bytes: 9, reason: "write_error", ids: 1...3), at: .start)
        var now = try writer.record(4...10, from: .start)
        unlink(directory.files[0])
        now = try writer.record(11...12, from: now)
        try writer.close(now)
        let summary = try CaptureSummary(of: CaptureReader(paths: [directory.path]))
        #expect(
            summary.channels[0].holes == [
                CaptureSummary.Hole(from: 1, to: 3, cause: "write_error"),
                CaptureSummary.Hole(from: 4, to: 10, cause: "segment_removed"),
            ])
    }

    @Test func aRemovedDirectoryIsRecreated() throws {
        let parent = try TemporaryDirectory()
        let path = parent.path + "/capture"
        _ = try CaptureDirectory.prepare(path, at: .start) { _ in }
        var writer = makeWriter(path)
        var now = try writer.record(1...5, from: .start)
        try FileManager.default.removeItem(atPath: path)
        now = try writer.record(6...9, from: now)
        try writer.close(now)
        #expect(try Self.identity(path, published: 1...9, .removed).missing == [1...5])
        #expect(try mode(of: path) == 0o700)
    }

    @Test func aMovedOrReplacedSegmentIsClosedWhereItIs() throws {
        let directory = try TemporaryDirectory()
        let elsewhere = try TemporaryDirectory()
        var writer = makeWriter(directory.path)
        var now = try writer.record(1...5, from: .start)
        let path = directory.files[0]
        rename(path, elsewhere.path + "/moved.mcap")
        try write(Array("another file".utf8), toFile: path)
        // Checked once a second.
        now = now.after(milliseconds: 1_001)
        try writer.tick(now)
        now = try writer.record(6...9, from: now)
        try writer.close(now)
        unlink(path)
        #expect(try Self.identity(directory.path, published: 1...9, .moved).missing == [1...5])
        let moved = try Reading(elsewhere.path)
        #expect(moved.ids == [1, 2, 3, 4, 5] && moved.states == [.closed] && moved.damage == [])
        #expect(try CaptureReader(paths: [directory.path]).forEach { _ in }.losses.isEmpty, "it must not count as lost")
    }

    @Test func idsAreReportedExactlyAcrossACounterReset() throws {
        let directory = try TemporaryDirectory()
        var writer = makeWriter(directory.path)
        for id in [98, 99, 100] as [UInt64] { writer.append(payload(id), at: .start) }
        writer.sequenceBroke(channel: 0)
        for id in [1, 2] as [UInt64] { writer.append(payload(id), at: .start) }
        try writer.flush(.start)
        unlink(directory.files[0])
        try writer.close(.start)
        let lost = try Reading(directory.path).events.filter { $0.event == "lost" }
        #expect(lost.map(\.from) == [98, 1] && lost.map(\.to) == [100, 2] && lost.map(\.envelopes) == [3, 2])
    }

    @Test func theLedgerIsBoundedAndBecomesCoarse() {
        var ledger = ChunkLedger(limit: 4)
        for chunk in 1...9 as ClosedRange<UInt64> {
            var tally = ChannelTally()
            tally.add(id: chunk, bytes: 1)
            ledger.add(end: chunk * 100, tallies: [tally])
        }
        #expect(ledger.entries.count <= 4)
        #expect(ledger.lost(behind: 0, channels: 1)[0].ids == [1...9])
        #expect(ledger.lost(behind: 899, channels: 1)[0].ids.last?.upperBound == 9)
        #expect(ledger.lost(behind: 900, channels: 1)[0].ids == [])
    }

    /// If something else moves the counter, each id is a separate range.
    @Test func theLedgerIsBoundedInRangesToo() {
        var ledger = ChunkLedger(limit: 1_000, rangeLimit: 4_000)
        var id: UInt64 = 0
        for chunk in 1...100 as ClosedRange<UInt64> {
            var tally = ChannelTally()
            for _ in 0..<500 {
                id += 2
                tally.breakRun()
                tally.add(id: id, bytes: 1)
            }
            ledger.add(end: chunk * 100, tallies: [tally])
            #expect(ledger.rangeCount <= 4_000)
        }
        #expect(ledger.lost(behind: 0, channels: 1)[0].envelopes == 50_000)
        #expect(ledger.lost(behind: 9_999, channels: 1)[0].ids.last?.upperBound == id)
    }
}
