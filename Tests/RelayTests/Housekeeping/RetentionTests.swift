import Backplane
import Capture
import Foundation
import Logging
import Testing
import Time

@testable import Relay

@Suite struct RetentionTests {
    private final class Scene {
        let path = NSTemporaryDirectory() + "/retention-" + UUID().uuidString
        let metrics = makeMetrics()
        let intake: Intake

        init() throws {
            try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
            intake = Intake(limit: 1 << 20, metrics: metrics.intake)
        }

        deinit {
            try? FileManager.default.removeItem(atPath: path)
        }

        var names: [String] {
            ((try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []).filter { $0.hasSuffix(".mcap") }
                .sorted()
        }

        /// One segment per id.
        func record(_ ids: ClosedRange<UInt64>) throws {
            var writer = CaptureWriter(
                configuration: .init(directory: path, channels: ["chat"], durability: .never),
                source: CaptureSource(relayVersion: "1", host: "h", redis: "r:1"), previous: .init(),
                observer: WriterObserver(metrics.recording))
            for id in ids {
                let now = Moment.now()
                Array("\(id) blob".utf8).withUnsafeBytes {
                    writer.append(
                        channel: 0, id: id, publishTime: nil, receivedAt: now.realtime, payload: $0, at: now)
                }
                try writer.close(now)
            }
        }

        func keeper(_ policy: HousekeepingPolicy) -> Retention {
            Retention(
                RecordDirectory(path: path, policy: policy), intake: intake, metrics: metrics.storage,
                logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
        }

        /// Requests to the recorder.
        func commands() -> [RecorderCommand] {
            intake.take(waitingAtMost: 0).items.compactMap { item in
                if case .command(let command) = item { command } else { nil }
            }
        }
    }

    @Test func deletesTheOldestAndRecordsIt() throws {
        let scene = try Scene()
        try scene.record(1...5)
        let names = scene.names
        var keeper = scene.keeper(HousekeepingPolicy(retention: RetentionPolicy(size: 1)))
        keeper.look(ended: [], at: .now())
        #expect(scene.names == [])
        let events = scene.commands().compactMap { command in
            if case .note(let event) = command { event } else { nil }
        }
        #expect(events.map(\.event) == Array(repeating: "segment_deleted", count: 5))
        #expect(events.map(\.segment) == names && events.map(\.from) == [1, 2, 3, 4, 5])
        #expect(events.allSatisfy { $0.reason == "size" && $0.channel == "chat" })
        #expect(scene.metrics.sample(#"backplane_relay_deleted_segments_total{reason="size"}"#) == 5)
        #expect(scene.metrics.sample("backplane_relay_retained_segments") == 0)
    }

    @Test func keepsUnarchivedSegmentsUnlessTheDiskIsLow() throws {
        let scene = try Scene()
        try scene.record(1...3)
        let archive = try ArchiveCommand("true")
        var patient = scene.keeper(HousekeepingPolicy(retention: RetentionPolicy(size: 1), archive: archive))
        patient.look(ended: [], at: .now())
        #expect(scene.names.count == 3)
        #expect(scene.metrics.sample("backplane_relay_archive_pending_segments") == 3)
        #expect(patient.nextToArchive?.name == scene.names.first && patient.lastToArchive?.name == scene.names.last)

        patient.archived(scene.names[0], at: .now())
        patient.look(ended: [], at: .now())
        #expect(scene.names.count == 2)
        #expect(scene.metrics.sample(#"backplane_relay_deleted_segments_total{reason="size"}"#) == 1)
        _ = scene.commands()

        // More than any disk has.
        var pressed = scene.keeper(
            HousekeepingPolicy(minimumFree: .max / 2, retention: RetentionPolicy(size: 1), archive: archive))
        pressed.look(ended: [], at: .now())
        #expect(scene.names.count == 0)
        #expect(scene.metrics.sample(#"backplane_relay_deleted_segments_total{reason="disk_low"}"#) == 2)
        guard case .pause? = scene.commands().last else {
            Issue.record("recording does not pause")
            return
        }
    }

    @Test func theNextRunKnowsArchivedSegments() throws {
        let scene = try Scene()
        try scene.record(1...2)
        let policy = HousekeepingPolicy(archive: try ArchiveCommand("true"))
        var first = scene.keeper(policy)
        first.look(ended: [], at: .now())
        first.archived(scene.names[0], at: .now())
        var second = scene.keeper(policy)
        second.look(ended: [], at: .now())
        #expect(second.nextToArchive?.name == scene.names[1])
    }

    @Test func aClosedSegmentIsDetectedImmediately() throws {
        let scene = try Scene()
        var keeper = scene.keeper(HousekeepingPolicy(archive: try ArchiveCommand("true")))
        let now = Moment.now()
        keeper.look(ended: [], at: now)
        try scene.record(1...1)
        keeper.look(ended: [], at: now)
        #expect(keeper.nextToArchive == nil, "the segment is not reported as closed yet")
        keeper.look(ended: scene.names, at: now)
        #expect(keeper.nextToArchive?.name == scene.names[0])
    }
}
