import Backplane
import Capture
import Foundation
import Logging
import Testing
import Time

@testable import Relay

@Suite struct RecorderTests {
    /// A recorder whose directory can be removed.
    private final class Scene {
        let parent: String
        let path: String
        let metrics = makeMetrics(["chat", "game"])
        var status: RelayStatus { metrics.context.status }

        init() throws {
            parent = NSTemporaryDirectory() + "/recorder-tests-" + UUID().uuidString
            path = parent + "/capture"
            try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        }

        deinit {
            try? FileManager.default.removeItem(atPath: parent)
        }

        func makeRecorder(rotation: RotationPolicy = RotationPolicy()) -> Recorder {
            let channels = ["chat", "game"]
            return Recorder(
                writer: CaptureWriter(
                    configuration: .init(
                        directory: path, channels: channels, rotation: rotation, durability: .never),
                    source: CaptureSource(relayVersion: "1", host: "h", redis: "r:1"), previous: .init(),
                    observer: WriterObserver(metrics.recording)),
                metrics: metrics.recording, context: metrics.context)
        }

        /// Replaced by a file: a missing directory would be recreated.
        func takeDirectoryAway() throws {
            try FileManager.default.moveItem(atPath: path, toPath: parent + "/away")
            try Data().write(to: URL(fileURLWithPath: path))
        }

        func bringDirectoryBack() throws {
            try FileManager.default.removeItem(atPath: path)
            try FileManager.default.moveItem(atPath: parent + "/away", toPath: path)
        }

        func read() throws -> (ids: [UInt64?], events: [CaptureEvent], damage: [String]) {
            var ids: [UInt64?] = []
            var events: [CaptureEvent] = []
            func take(_ item: CaptureItem) {
                switch item {
                case .envelope(let envelope): ids.append(try? EnvelopeID.parse(envelope.payload).id)
                case .event(let event, _): events.append(event)
                }
            }
            let report = try CaptureReader(paths: [path]).forEach(.all, take)
            return (ids, events, report.damage.map(\.description))
        }
    }

    private static func moment(milliseconds: UInt64) -> Moment {
        let passed = milliseconds * 1_000_000
        return Moment(realtime: 1_795_383_660_000_000_000 + passed, monotonic: 9_000_000_000 + passed)
    }

    /// The reported write failures.
    private static func told(_ news: [RelayEvent]) -> [String] {
        news.compactMap { event in
            switch event {
            case .writingFailed(.system(_, _, let code)): "writing_failed \(String(cString: strerror(code)))"
            case .writingFailed: "writing_failed"
            case .writingResumed(let lost): "writing_resumed \(lost)"
            default: nil
            }
        }
    }

    private func record(_ id: UInt64, into recorder: inout Recorder, channel: Int = 0, at now: Moment) {
        Array("\(id) blob".utf8).withUnsafeBytes {
            recorder.append(
                channel: channel, seen: ChannelObserver.Seen(id: id), receivedAt: now.realtime, payload: $0, at: now)
        }
    }

    @Test func recordsAndCounts() throws {
        let scene = try Scene()
        var recorder = scene.makeRecorder()
        recorder.connected(runID: "a", redisVersion: "7", at: Self.moment(milliseconds: 0))
        #expect(scene.status.isWriting)
        for id in 1...100 as ClosedRange<UInt64> { record(id, into: &recorder, at: Self.moment(milliseconds: id)) }
        recorder.close(Self.moment(milliseconds: 101))
        #expect(!scene.status.isWriting)
        let capture = try scene.read()
        #expect(capture.ids == (1...100).map { $0 })
        #expect(capture.events.map(\.event) == ["segment", "subscribed"])
        #expect(scene.metrics.sample("backplane_relay_recorded_envelopes_total") == 100)
        // 9 ids of one digit, 90 of two, one of three, and " blob" 100 times.
        #expect(scene.metrics.sample("backplane_relay_recorded_bytes_total") == 692)
        #expect(scene.metrics.sample("backplane_relay_segments_total") == 1)
        #expect(scene.metrics.sample("backplane_relay_write_errors_total") == 0)
        #expect(scene.metrics.dropped(.writeError) == (0, 0))
    }

    @Test func aFullChunkIsWrittenBeforeTheNextEnvelope() throws {
        let scene = try Scene()
        var recorder = scene.makeRecorder()
        let now = Self.moment(milliseconds: 0)
        let payload = Array("1 ".utf8) + [UInt8](repeating: 0x61, count: 200_000)
        for _ in 0..<2 {
            payload.withUnsafeBytes {
                recorder.append(
                    channel: 0, seen: ChannelObserver.Seen(id: 1), receivedAt: now.realtime, payload: $0, at: now)
            }
        }
        #expect(scene.metrics.sample("backplane_relay_recorded_envelopes_total") == 1)
        recorder.close(now)
        #expect(scene.metrics.sample("backplane_relay_recorded_envelopes_total") == 2)
    }

    @Test func lossesOfAnOutageAreInTheCaptureExactly() throws {
        let scene = try Scene()
        var recorder = scene.makeRecorder(rotation: RotationPolicy(segmentDuration: 10_000_000_000))
        recorder.connected(runID: "a", redisVersion: nil, at: Self.moment(milliseconds: 0))
        for id in 1...5 as ClosedRange<UInt64> { record(id, into: &recorder, at: Self.moment(milliseconds: id)) }
        recorder.tick(Self.moment(milliseconds: 200))
        #expect(scene.metrics.sample("backplane_relay_recorded_envelopes_total") == 5)

        // The next segment finds no directory.
        try scene.takeDirectoryAway()
        record(6, into: &recorder, at: Self.moment(milliseconds: 9_999))
        recorder.tick(Self.moment(milliseconds: 10_150))
        #expect(scene.metrics.sample("backplane_relay_recorded_envelopes_total") == 5)
        #expect(!scene.status.isWriting)
        for id in 7...9 as ClosedRange<UInt64> {
            record(id, into: &recorder, at: Self.moment(milliseconds: 10_200 + id))
        }
        record(70, into: &recorder, channel: 1, at: Self.moment(milliseconds: 10_300))
        recorder.append(.disconnected(cause: "io_error"), at: Self.moment(milliseconds: 10_301))
        #expect(scene.metrics.dropped(.writeError) == (5, Double("6 blob7 blob8 blob9 blob70 blob".utf8.count)))

        // Retried after half a second, then after twice that.
        var deadline = recorder.nextDeadline
        #expect(deadline == Self.moment(milliseconds: 10_650).monotonic)
        let errors = try #require(scene.metrics.sample("backplane_relay_write_errors_total"))
        recorder.tick(Self.moment(milliseconds: 10_649))
        #expect(scene.metrics.sample("backplane_relay_write_errors_total") == errors)
        recorder.tick(Self.moment(milliseconds: 10_650))
        #expect(scene.metrics.sample("backplane_relay_write_errors_total") == errors + 1)
        deadline = recorder.nextDeadline
        #expect(deadline == Self.moment(milliseconds: 11_650).monotonic)

        try scene.bringDirectoryBack()
        record(10, into: &recorder, at: Self.moment(milliseconds: 11_000))
        recorder.tick(Self.moment(milliseconds: 11_650))
        #expect(scene.status.isWriting)
        let told = Self.told(recorder.takeNews())
        record(11, into: &recorder, at: Self.moment(milliseconds: 11_701))
        recorder.close(Self.moment(milliseconds: 11_702))

        let capture = try scene.read()
        #expect(capture.ids == [1, 2, 3, 4, 5, 11])
        #expect(capture.damage == [])
        let dropped = capture.events.filter { $0.event == "dropped" }
        #expect(
            dropped == [
                .dropped(
                    channel: "chat", envelopes: 5, bytes: "6 blob7 blob8 blob9 blob10 blob".utf8.count,
                    reason: "write_error", ids: 6...10),
                .dropped(channel: "game", envelopes: 1, bytes: 7, reason: "write_error", ids: 70...70),
            ])
        #expect(capture.events.contains(.disconnected(cause: "io_error")))
        // Other consumers get the start and the end only.
        #expect(told == ["writing_failed Not a directory", "writing_resumed 6"])
        // The segments returned with their directory; in between they were missing.
        let moved = capture.events.filter { $0.event == "segment_moved" }
        #expect(moved.map(\.from) == [1] && moved.map(\.to) == [5])
        #expect(scene.metrics.dropped(.writeError).envelopes == 6)
        #expect(scene.metrics.sample("backplane_relay_recorded_envelopes_total") == 6)
    }

    /// A pause is not a failure, but writing may fail after it: the page then counts losses since that failure.
    @Test func aFailureAfterAPauseCountsOnlyItsOwnLosses() throws {
        let scene = try Scene()
        var recorder = scene.makeRecorder()
        recorder.pause(free: 1, at: Self.moment(milliseconds: 0))
        for id in 1...3 as ClosedRange<UInt64> { record(id, into: &recorder, at: Self.moment(milliseconds: id)) }
        #expect(Self.told(recorder.takeNews()).isEmpty)
        try scene.takeDirectoryAway()
        recorder.unpause(free: 100, at: Self.moment(milliseconds: 10))
        for id in 4...5 as ClosedRange<UInt64> { record(id, into: &recorder, at: Self.moment(milliseconds: id)) }
        try scene.bringDirectoryBack()
        recorder.tick(Self.moment(milliseconds: 30_000))
        let told = Self.told(recorder.takeNews())
        #expect(told.map { $0.prefix { $0 != " " } } == ["writing_failed", "writing_resumed"])
        #expect(told.last == "writing_resumed 2")
        recorder.close(Self.moment(milliseconds: 30_001))
        #expect(scene.metrics.dropped(.diskLow).envelopes == 3 && scene.metrics.dropped(.writeError).envelopes == 2)
    }

    /// The chunk in memory is lost only if a second segment cannot take it either.
    @Test func aChunkThatCannotBeWrittenIsCounted() throws {
        let scene = try Scene()
        try scene.takeDirectoryAway()
        var recorder = scene.makeRecorder()
        record(1, into: &recorder, at: Self.moment(milliseconds: 0))
        record(2, into: &recorder, at: Self.moment(milliseconds: 1))
        #expect(scene.metrics.dropped(.writeError).envelopes == 0)
        recorder.tick(Self.moment(milliseconds: 200))
        #expect(scene.metrics.dropped(.writeError) == (2, 12))
        #expect(scene.metrics.sample("backplane_relay_write_errors_total") == 2)
    }

    /// Otherwise the ids after it would look like a gap.
    @Test func aResetInALostChunkIsStillReported() throws {
        let scene = try Scene()
        try scene.takeDirectoryAway()
        var recorder = scene.makeRecorder()
        record(9, into: &recorder, at: Self.moment(milliseconds: 0))
        recorder.append(.counterReset(channel: "chat", from: 9, to: 1), at: Self.moment(milliseconds: 1))
        record(1, into: &recorder, at: Self.moment(milliseconds: 1))
        recorder.tick(Self.moment(milliseconds: 200))
        #expect(scene.metrics.dropped(.writeError).envelopes == 2)
        try scene.bringDirectoryBack()
        recorder.tick(Self.moment(milliseconds: 10_000))
        recorder.close(Self.moment(milliseconds: 10_001))
        #expect(try scene.read().events.contains(.counterReset(channel: "chat", from: 9, to: 1)))
    }

    @Test func aFailureWithoutDataIsNotASuccess() throws {
        let scene = try Scene()
        var recorder = scene.makeRecorder()
        try scene.takeDirectoryAway()
        recorder.connected(runID: "a", redisVersion: nil, at: Self.moment(milliseconds: 0))
        #expect(!scene.status.isWriting)
    }

    @Test func waitsGrowUpToTenSeconds() throws {
        let scene = try Scene()
        try scene.takeDirectoryAway()
        var recorder = scene.makeRecorder()
        record(1, into: &recorder, at: Self.moment(milliseconds: 0))
        recorder.tick(Self.moment(milliseconds: 200))
        var now: UInt64 = 200
        var waits: [UInt64] = []
        for _ in 0..<7 {
            let deadline = recorder.nextDeadline ?? 0
            waits.append((deadline - Self.moment(milliseconds: now).monotonic) / 1_000_000)
            now += waits[waits.count - 1]
            recorder.tick(Self.moment(milliseconds: now))
        }
        #expect(waits == [500, 1_000, 2_000, 4_000, 8_000, 10_000, 10_000])
    }

    @Test func heldEventsAreBounded() throws {
        let scene = try Scene()
        try scene.takeDirectoryAway()
        var recorder = scene.makeRecorder()
        record(1, into: &recorder, at: Self.moment(milliseconds: 0))
        recorder.tick(Self.moment(milliseconds: 200))
        for id in 0..<1_500 as Range<UInt64> {
            recorder.append(.duplicate(channel: "chat", id: id), at: Self.moment(milliseconds: 201))
        }
        try scene.bringDirectoryBack()
        recorder.tick(Self.moment(milliseconds: 700))
        recorder.close(Self.moment(milliseconds: 701))
        #expect(try scene.read().events.filter { $0.event == "duplicate" }.map(\.from) == (0..<1_000).map { $0 })
    }

    /// Otherwise the capture would name a server that is gone, and a replay could reach its own source.
    @Test func aServerChangeDuringAnOutageIsInTheNextSegment() throws {
        let scene = try Scene()
        try scene.takeDirectoryAway()
        var recorder = scene.makeRecorder()
        recorder.connected(runID: "a", redisVersion: nil, at: Self.moment(milliseconds: 0))
        record(1, into: &recorder, at: Self.moment(milliseconds: 1))
        recorder.tick(Self.moment(milliseconds: 200))
        recorder.connected(runID: "b", redisVersion: nil, at: Self.moment(milliseconds: 300))
        try scene.bringDirectoryBack()
        recorder.tick(Self.moment(milliseconds: 10_000))
        recorder.close(Self.moment(milliseconds: 10_001))
        #expect(try CaptureReader(paths: [scene.path]).sources().map(\.runID) == ["b"])
    }

    @Test func aCloseDuringAnOutageRetriesOnce() throws {
        let scene = try Scene()
        try scene.takeDirectoryAway()
        var recorder = scene.makeRecorder()
        record(1, into: &recorder, at: Self.moment(milliseconds: 0))
        recorder.tick(Self.moment(milliseconds: 200))
        try scene.bringDirectoryBack()
        recorder.close(Self.moment(milliseconds: 201))
        let capture = try scene.read()
        #expect(capture.events.first { $0.event == "dropped" }?.from == 1)
        #expect(capture.damage == [])
        #expect(!scene.status.isWriting)
    }
}
