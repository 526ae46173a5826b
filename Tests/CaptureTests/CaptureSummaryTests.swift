import Backplane
import Foundation
import Testing
import Time

@testable import Capture

@Suite struct CaptureSummaryTests {
    @Test func gapsResetsAndDuplicatesAreReported() throws {
        let directory = try TemporaryDirectory()
        var writer = makeWriter(directory.path, channels: ["chat", "game"])
        let ids: [UInt64] = [1, 2, 3, 7, 7, 10, 15, 2, 3]
        writer.append(.gap(channel: "chat", from: 4, to: 6, cause: .connectionLost), at: .start)
        writer.append(.gap(channel: "game", from: 11, to: 14, cause: .dropped), at: .start)
        writer.append(.dropped(channel: "chat", envelopes: 2, bytes: 50, reason: "write_error", ids: 8...9), at: .start)
        for (index, id) in ids.enumerated() {
            writer.append(payload(id), at: Moment.start.after(milliseconds: UInt64(index) * 500))
        }
        writer.append(Array("hello".utf8), at: Moment.start.after(milliseconds: 6_000))
        writer.append(Array("4 ".utf8), at: Moment.start.after(milliseconds: 6_001))
        writer.append(payload(70, size: 300), channel: 1, at: Moment.start.after(milliseconds: 8_000))
        try writer.close(Moment.start.after(milliseconds: 8_100))

        let summary = try CaptureSummary(of: CaptureReader(paths: [directory.path]))
        #expect(summary.channels.map(\.channel) == ["chat", "game"])
        let chat = summary.channels[0]
        #expect(chat.envelopes == 11)
        #expect(chat.bytes == ids.reduce(7) { $0 + payload($1).count })
        #expect(chat.messages == ["hub": 9])
        #expect(chat.undecodable == ["no_id": 1, "truncated": 1])
        #expect(chat.smallest == 2)
        #expect(chat.largest == payload(15).count)
        #expect(chat.firstID == 1)
        #expect(chat.lastID == 4)
        #expect(chat.missingIDs == 9)
        #expect(
            chat.holes == [
                .init(from: 4, to: 6, cause: "connection_lost"), .init(from: 8, to: 9, cause: "write_error"),
                .init(from: 11, to: 14, cause: "unknown"),
            ])
        #expect(chat.holes.map(\.count) == [3, 2, 4])
        #expect(chat.holeCount == 3)
        #expect(chat.duplicateIDs == 1)
        #expect(chat.counterResets == [.init(from: 15, to: 2)])
        #expect(summary.channels[1].missingIDs == 4, "dropped before the first envelope of the channel")

        #expect(summary.envelopes == 12)
        #expect(summary.bytes == chat.bytes + summary.channels[1].bytes)
        #expect(summary.events == ["gap": 2, "dropped": 1, "segment": 1])
        #expect(summary.firstReceivedAt == "2026-11-22T21:41:00.000000000Z")
        #expect(summary.lastReceivedAt == "2026-11-22T21:41:08.000000000Z")
        #expect(summary.durationSeconds == 8)
        #expect(summary.rate == 11.0 / 8)
        #expect(summary.segments.map(\.state) == ["closed"])
        #expect(summary.fileBytes == UInt64(try bytes(ofFile: directory.files[0]).count))
        #expect(summary.verdict.isComplete == false && summary.verdict.exitStatus == 3)
    }

    @Test func odditiesAreCounted() throws {
        let directory = try TemporaryDirectory()
        var writer = makeWriter(directory.path)
        let odd = [payload(1), Array("+".utf8) + payload(2), Array("0".utf8) + payload(3) + [0], payload(4)]
        for payload in odd { writer.append(payload, at: .start) }
        try writer.close(.start)
        let channel = try #require(try CaptureSummary(of: CaptureReader(paths: [directory.path])).channels.first)
        #expect(channel.oddities == ["id": 2, "trailing_bytes": 1])
        #expect(channel.undecodable == [:] && channel.missingIDs == 0 && channel.lastID == 4)
        let json = try JSONSerialization.jsonObject(with: JSONEncoder().encode(channel)) as? [String: Any]
        #expect(json?["oddities"] as? [String: Int] == ["id": 2, "trailing_bytes": 1])
    }

    @Test func aCaptureWithoutGapsIsComplete() throws {
        let directory = try TemporaryDirectory()
        var writer = makeWriter(directory.path, rotation: RotationPolicy(segmentSize: 1))
        var now = Moment.start
        for id in 1...5 as ClosedRange<UInt64> { now = try writer.record(id...id, from: now) }
        try writer.close(now, .stopped(checkedIDs: ["chat": 5]))
        let summary = try CaptureSummary(of: CaptureReader(paths: [directory.path]))
        #expect(summary.verdict.isComplete == true && summary.channels[0].mayBeMissing == nil)
        #expect(summary.segments.count == 6)
        #expect(summary.channels[0].missingIDs == 0)

        try write(try bytes(ofFile: directory.files[2]).dropLast(), toFile: directory.files[2])
        let damaged = try CaptureSummary(of: CaptureReader(paths: [directory.path]))
        #expect(damaged.verdict.isComplete == false)
        #expect(damaged.damage.allSatisfy { $0.hasPrefix(directory.files[2] + ": at byte ") })
        #expect(damaged.envelopes == 5)
    }

    @Test func gapsAreListedUpToALimitAndAllCounted() throws {
        let directory = try TemporaryDirectory()
        var writer = makeWriter(directory.path)
        for id in 0...1_200 as ClosedRange<UInt64> { writer.append(Array("\(id * 2 + 1) ".utf8), at: .start) }
        try writer.close(.start)
        let chat = try CaptureSummary(of: CaptureReader(paths: [directory.path])).channels[0]
        #expect(chat.holes.count == 1_000)
        #expect(chat.holeCount == 1_200)
        #expect(chat.missingIDs == 1_200)
    }

    /// The loss of an outage is reported before events within the outage: here a counter reset.
    @Test func lossesOfANewCounterInAnOutageCount() throws {
        let directory = try TemporaryDirectory()
        var writer = makeWriter(directory.path)
        let now = try writer.record(1...10, from: .start)
        for ids in [11...14, 1...3] as [ClosedRange<UInt64>] {
            writer.append(
                .dropped(channel: "chat", envelopes: ids.count, bytes: 1, reason: "write_error", ids: ids), at: now)
        }
        writer.append(.counterReset(channel: "chat", from: 14, to: 1), at: now)
        writer.append(.gap(channel: "chat", from: 4, to: 5, cause: .foreignPublish), at: now)
        try writer.close(try writer.record(6...8, from: now))
        let chat = try CaptureSummary(of: CaptureReader(paths: [directory.path])).channels[0]
        #expect(chat.missingIDs == 9)
        #expect(chat.holes.map { $0.from...$0.to } == [11...14, 1...3, 4...5])
        #expect(chat.counterResets == [CaptureSummary.Reset(from: 10, to: 6)])
    }

    /// The new counter is above the old one's last id when recording continues: only the event shows the reset.
    @Test func aResetHiddenByAnOutageIsNotAGap() throws {
        let directory = try TemporaryDirectory()
        var writer = makeWriter(directory.path)
        let now = try writer.record([1, 4], from: .start)
        for ids in [5...6, 1...8] as [ClosedRange<UInt64>] {
            writer.append(
                .dropped(channel: "chat", envelopes: ids.count, bytes: 1, reason: "write_error", ids: ids), at: now)
        }
        writer.append(.counterReset(channel: "chat", from: 6, to: 1), at: now)
        try writer.close(try writer.record([9, 10], from: now))
        let chat = try CaptureSummary(of: CaptureReader(paths: [directory.path])).channels[0]
        #expect(chat.missingIDs == 12)
        #expect(chat.holes.map { $0.from...$0.to } == [2...3, 5...6, 1...8])
        #expect(chat.counterResets == [CaptureSummary.Reset(from: 4, to: 9)])
    }

    /// The master that took over assigns the missing ids again: they are not late.
    @Test func idsOfAnEarlierGapAreNotLateAfterAReset() throws {
        let directory = try TemporaryDirectory()
        var writer = makeWriter(directory.path)
        var now = try writer.record(1...5, from: .start)
        writer.append(.gap(channel: "chat", from: 6, to: 8, cause: .failover), at: now)
        now = try writer.record(9...12, from: now)
        writer.append(.counterReset(channel: "chat", from: 12, to: 6), at: now)
        try writer.close(try writer.record(6...14, from: now))
        let summary = try CaptureSummary(of: CaptureReader(paths: [directory.path]))
        let chat = summary.channels[0]
        #expect(chat.missingIDs == 3)
        #expect(chat.holes.map { $0.from...$0.to } == [6...8])
        #expect(chat.counterResets == [CaptureSummary.Reset(from: 12, to: 6)])
        #expect(chat.lastID == 14)
        #expect(summary.verdict.exitStatus == 3)
    }

    /// Both looked like something else at first; captures of earlier versions have the event without details.
    @Test(arguments: [[10, 2, 11, 3, 12], [1, 2, 500, 3, 501, 4, 502, 5]] as [[UInt64]], [true, false])
    func whatWasToldOfSeveralCountersBeforeTheyWereKnownIsWithdrawn(ids: [UInt64], isToldOnTime: Bool) throws {
        let directory = try TemporaryDirectory()
        var writer = makeWriter(directory.path)
        var now = Moment.start
        var tracker = CounterTracker()
        var told: CaptureEvent?
        for id in ids {
            switch tracker.observe(id) {
            case .one(.gap(let from, let to)):
                told = .gap(channel: "chat", from: from, to: to, cause: .foreignPublish)
            case .one(.counterReset(let from, let to)): told = .counterReset(channel: "chat", from: from, to: to)
            case .turn(isNews: true) where isToldOnTime:
                writer.append(
                    .interleaved(
                        channel: "chat", counters: 2, databases: nil, withdraws: CaptureEvent.Withdrawn.all(tracker)),
                    at: now)
            case .one, .restored, .turn: break
            }
            if let event = told.take() { writer.append(event, at: now) }
            now = try writer.record([id], from: now)
        }
        if !isToldOnTime { writer.append(.interleaved(channel: "chat", counters: 2, databases: nil), at: now) }
        try writer.close(now)
        let summary = try CaptureSummary(of: CaptureReader(paths: [directory.path]))
        let chat = summary.channels[0]
        #expect(summary.events == ["interleaved": 1, "segment": 1])
        #expect(!summary.profile.holes.contains(true))
        #expect(chat.counterResets == [] && chat.holes == [] && chat.missingIDs == 0 && chat.lastID == ids.max())
        #expect(chat.mayBeMissing == nil || chat.mayBeMissing?.reason == .notCompared)
        #expect(summary.verdict.isComplete == nil && summary.verdict.exitStatus == 0)
    }

    /// Two counters that are at the same id: each id comes twice, in two envelopes.
    @Test(arguments: [true, false]) func idsOfTwoDifferentEnvelopes(isSameEnvelope: Bool) throws {
        let directory = try TemporaryDirectory()
        var writer = makeWriter(directory.path)
        for id in 1...5 as ClosedRange<UInt64> {
            for copy in 0..<2 as Range<Int64> {
                let ticks = 638_000_000_000_000_000 + Int64(id) * 10 + (isSameEnvelope ? 0 : copy)
                let body = ScaleoutMessage(messages: [], createdTicks: ticks)
                if copy == 1, isSameEnvelope || id == 1 {
                    writer.append(.duplicate(channel: "chat", id: id), at: .start)
                }
                writer.append(Envelope(id: id, body: body).encoded(), at: .start)
            }
        }
        try writer.close(.start)
        let summary = try CaptureSummary(of: CaptureReader(paths: [directory.path]))
        #expect(summary.channels[0].counters?.count == (isSameEnvelope ? nil : 2))
        #expect(summary.channels[0].duplicateIDs == (isSameEnvelope ? 5 : 0))
        #expect(summary.events["duplicate"] == (isSameEnvelope ? 5 : nil))
    }

    @Test func aCaptureWithoutEnvelopesHasNoTimes() throws {
        let directory = try TemporaryDirectory()
        var writer = makeWriter(directory.path)
        try writer.connected(runID: nil, redisVersion: nil, at: .start)
        try writer.close(.start)
        let summary = try CaptureSummary(of: CaptureReader(paths: [directory.path]))
        #expect(summary.firstReceivedAt == nil && summary.lastReceivedAt == nil && summary.rate == nil)
        #expect(summary.envelopes == 0 && summary.channels.isEmpty && summary.verdict.isComplete == true)
    }

    @Test func jsonNames() throws {
        let directory = try TemporaryDirectory()
        var writer = makeWriter(directory.path)
        writer.append(payload(1), at: .start)
        writer.append(payload(4), at: .start)
        try writer.close(.start)
        let json = try JSONEncoder().encode(CaptureSummary(of: CaptureReader(paths: [directory.path])))
        let object = try #require(try JSONSerialization.jsonObject(with: json) as? [String: Any])
        #expect(
            Set(object.keys) == [
                "segments", "recordings", "first_received_at", "last_received_at", "duration_seconds", "envelopes",
                "bytes",
                "file_bytes", "events", "channels", "damage", "payload", "profile", "redacted_json_keys",
                "unread_bytes", "foreign_topics",
                "lost_without_ids", "complete",
            ])
        #expect(object["complete"] as? Bool == false)
        let channel = try #require((object["channels"] as? [[String: Any]])?.first)
        #expect(channel["missing_ids"] as? Int == 2)
        #expect(channel["first_id"] as? Int == 1)
        #expect((channel["holes"] as? [[String: Any]])?.first?["cause"] as? String == "unknown")
    }
}
