import Backplane
import Capture
import Foundation
import NIOConcurrencyHelpers
import Prometheus
import Redis
import Testing
import Time

@testable import Relay

/// Requests of other threads to the recorder, and the effect of a low disk.
@Suite struct RecorderCommandTests {
    /// Collects the names of events.
    private final class Listener: RelayConsumer {
        let told = NIOLockedValueBox<[String]>([])

        func consume(_ event: RelayEvent, at now: Moment) {
            let name: String? =
                switch event {
                case .batch: nil
                case .writingFailed: "writing_failed"
                case .writingResumed: "writing_resumed"
                default: event.captured(["chat"])?.event
                }
            if let name { told.withLockedValue { $0.append(name) } }
        }

        func run() async {}
        func finish() async {}
    }

    /// A worker that records into a directory, fed by an intake.
    private final class Scene {
        let path = NSTemporaryDirectory() + "/recorder-commands-" + UUID().uuidString
        let metrics = makeMetrics(["chat"])
        let listener = Listener()
        let intake: Intake

        init(limit: Int = 1 << 20) throws {
            try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
            intake = Intake(limit: limit, metrics: metrics.intake)
        }

        deinit {
            try? FileManager.default.removeItem(atPath: path)
        }

        func deliver(_ ids: ClosedRange<UInt64>, size: Int = 0) {
            let batch = intake.nextBatch()
            batch.receivedAt = Moment.now().realtime
            let rest = String(repeating: "x", count: size)
            for id in ids { Array("\(id) blob\(rest)".utf8).withUnsafeBytes { batch.append(channel: 0, payload: $0) } }
            intake.deliver(batch)
        }

        /// Processes the content of the intake.
        func work(durability: Durability = .never) {
            intake.close()
            let recorder = Recorder(
                writer: CaptureWriter(
                    configuration: .init(directory: path, channels: ["chat"], durability: durability),
                    source: CaptureSource(relayVersion: "1", host: "h", redis: "r:1"), previous: .init(),
                    observer: WriterObserver(metrics.recording)),
                metrics: metrics.recording, context: metrics.context)
            var worker = RelayWorker(
                intake: intake,
                events: EventFanOut(
                    channels: ObservedChannels(metrics.observing), recorder: recorder,
                    RelayLog(metrics.context, bufferBytes: intake.limit), [listener]))
            worker.run()
        }

        func read() throws -> (ids: [UInt64?], events: [CaptureEvent], files: Int) {
            var ids: [UInt64?] = []
            var events: [CaptureEvent] = []
            let report = try CaptureReader(paths: [path]).forEach { item in
                switch item {
                case .envelope(let envelope): ids.append(try? EnvelopeID.parse(envelope.payload).id)
                case .event(let event, _): events.append(event)
                }
            }
            #expect(report.damage.isEmpty)
            return (ids, events, report.segments.count)
        }
    }

    @Test func finalDropsOfTheIntakeAreReportedByID() throws {
        let scene = try Scene(limit: 1_000_000)
        scene.deliver(1...3)
        scene.deliver(4...6, size: 400_000)
        scene.deliver(7...7, size: 1_000_000)
        scene.work()
        let (ids, events, _) = try scene.read()
        #expect(ids == [1, 2, 3])
        #expect(events.filter { $0.event == "dropped" }.map(\.envelopes) == [4])
        #expect(
            events.filter { $0.event == "gap" } == [.gap(channel: "chat", from: 4, to: 7, cause: .dropped)])
        #expect(scene.metrics.channels[0].signalR2?.missingIDs.value == 4)
        let summary = try CaptureSummary(of: CaptureReader(paths: [scene.path]))
        #expect(summary.verdict.isComplete == false && summary.verdict.exitStatus == 3)
        #expect(summary.channels[0].holes.map { "\($0.from)..\($0.to) \($0.cause)" } == ["4..7 dropped"])
        #expect(summary.lostWithoutIDs == 0)
        let previous = try CaptureDirectory.prepare(scene.path, at: .now()) { _ in }
        #expect(previous.lastIDs == ["chat": 7])
    }

    @Test func aRecordingOfOnlyDropsIsNotComplete() throws {
        let scene = try Scene(limit: 1)
        scene.deliver(1...3)
        scene.work()
        let summary = try CaptureSummary(of: CaptureReader(paths: [scene.path]))
        #expect(summary.envelopes == 0)
        #expect(summary.verdict.isComplete == false && summary.verdict.exitStatus == 3)
        #expect(summary.channels[0].missingIDs == 3)
    }

    @Test func rotateStartsTheNextSegmentAtItsPositionInTheStream() throws {
        let scene = try Scene()
        scene.deliver(1...3)
        scene.intake.command(.rotate)
        scene.intake.command(.rotate)
        scene.deliver(4...5)
        scene.work()
        let capture = try scene.read()
        #expect(capture.ids == [1, 2, 3, 4, 5])
        #expect(capture.files == 2, "simultaneous requests are combined")
        #expect(scene.metrics.sample("backplane_relay_segments_total") == 2)
    }

    @Test func flushWritesPendingEnvelopesToDisk() throws {
        let scene = try Scene()
        scene.deliver(1...3)
        scene.intake.command(.flush)
        scene.deliver(4...5)
        scene.work()
        #expect(try scene.read().ids == [1, 2, 3, 4, 5])
        #expect(scene.metrics.sample("backplane_relay_fsync_seconds_count") == 1)
        #expect(scene.metrics.sample("backplane_relay_chunk_write_seconds_count") == 2)
    }

    @Test func lossesOfALowDiskAreInTheCaptureExactly() throws {
        let scene = try Scene()
        scene.deliver(1...3)
        scene.intake.command(.pause(free: 5))
        scene.deliver(4...6)
        scene.deliver(9...10)
        scene.intake.command(.resume(free: 50))
        scene.deliver(11...12)
        scene.work()
        let capture = try scene.read()
        #expect(capture.ids == [1, 2, 3, 11, 12])
        let dropped = capture.events.filter { $0.event == "dropped" }
        #expect(dropped.map(\.from) == [4, 9] && dropped.map(\.to) == [6, 10])
        #expect(dropped.map(\.envelopes) == [3, 2] && dropped.allSatisfy { $0.reason == "disk_low" })
        #expect(capture.events.contains { $0.event == "gap" && $0.from == 7 && $0.to == 8 })
        #expect(capture.events.contains(.recordingPaused(free: 5)))
        #expect(capture.events.contains(.recordingResumed(free: 50)))
        #expect(scene.metrics.dropped(.diskLow).envelopes == 5)
        #expect(scene.metrics.dropped(.writeError).envelopes == 0)
        #expect(scene.metrics.sample("backplane_relay_recording_paused") == 0)
        let holes = try CaptureSummary(of: CaptureReader(paths: [scene.path])).channels[0].holes
        #expect(holes.map(\.cause) == ["disk_low", "foreign_publish", "disk_low"])
        #expect(holes.reduce(0) { $0 + $1.count } == 7)
    }

    @Test func aStopWhileTheDiskIsLowStillReportsTheLoss() throws {
        let scene = try Scene()
        scene.intake.command(.pause(free: 5))
        scene.deliver(1...4)
        scene.work()
        let capture = try scene.read()
        #expect(capture.ids == [])
        #expect(capture.events.filter { $0.event == "dropped" }.map(\.to) == [4])
        #expect(try CaptureSummary(of: CaptureReader(paths: [scene.path])).channels.map(\.missingIDs) == [4])
    }

    /// Disk space recovered, but writing still fails: the page's final state must show that.
    @Test func aWriteFailureAfterAPauseIsThePagesFinalState() throws {
        let scene = try Scene()
        try FileManager.default.removeItem(atPath: scene.path)
        try Data().write(to: URL(fileURLWithPath: scene.path))
        scene.intake.command(.pause(free: 5))
        scene.deliver(1...3)
        scene.intake.command(.resume(free: 50))
        scene.work()
        let told = scene.listener.told.withLockedValue { $0 }
        #expect(told == ["writing_failed", "recording_paused", "recording_resumed", "writing_failed"])
    }

    @Test func aRelayWhoseDiskIsLowIsNotReady() {
        let status = RelayStatus(records: true)
        status.isSubscribed = true
        status.isDiskLow = true
        #expect(status.notReadyReason == "disk space is low")
        status.isDiskLow = false
        status.isWriting = true
        #expect(status.notReadyReason == nil)
    }
}
