import Backplane
import TestSupport
import Testing
import Time

@testable import Capture

/// What happens to the connection, the server and earlier segments.
extension GoldenCaptureTests {
    private static let replid = String(repeating: "3fa9c0d1", count: 5)

    /// Of the event key 'chat' and a hub, whose completeness is proven differently.
    private func watcher(_ kind: String, _ hub: CoreHub) throws -> CaptureWriter {
        try writer(kind, backplanes: [.signalR2(key: "chat"), .core(hub)])
    }

    private static func subscribed(
        at redis: String = "redis-1.example:6379", replicaOf master: String? = nil, offset: Int64? = nil
    ) -> CaptureEvent {
        var event = CaptureEvent.subscribed(
            runID: "a1", redisVersion: "7.2.4", replid: offset.map { _ in replid }, offset: offset)
        event.redis = redis
        event.replicaOf = master
        event.masterReplid = replid
        return event
    }

    /// From the replication stream, without a loss.
    @Test func tap() throws {
        let setting = try Self.shapes()[0]
        var writer = try watcher("tap", setting.hub)
        try writer.connected(runID: "a1", redisVersion: "7.2.4", masterReplid: Self.replid, at: .start)
        writer.append(Self.subscribed(), at: .start)
        writer.append(Self.subscribed(offset: 1_000), at: .start)
        var now = try writer.record(1...3, from: .start)
        now = try writer.record(setting.payloads.prefix(3), channel: 1, from: now)
        writer.append(.replicated(replid: Self.replid, offset: 5_000), at: now)
        writer.append(.disconnected(cause: "closed"), at: now)
        writer.append(.resumed(replid: Self.replid, offset: 5_000), at: now)
        now = try writer.record(setting.payloads.suffix(3), channel: 1, from: now)
        writer.append(.replicated(replid: Self.replid, offset: 9_000), at: now)
        writer.append(.disconnected(cause: "stopped"), at: now)
        try writer.close(now, .stopped(checkedIDs: ["chat": 3]))
    }

    @Test func tapBacklogLost() throws {
        let setting = try Self.shapes()[0]
        var writer = try watcher("tap-backlog-lost", setting.hub)
        writer.append(Self.subscribed(offset: 1_000), at: .start)
        var now = try writer.record(setting.payloads.prefix(3), channel: 1, from: writer.record(1...3, from: .start))
        for (bytes, id) in [(4_096, 6), (nil, 9)] as [(Int?, UInt64)] {
            writer.append(.disconnected(cause: "closed"), at: now)
            writer.append(.backlogLost(bytes: bytes), at: now)
            writer.append(Self.subscribed(offset: Int64(id) * 10_000), at: now)
            writer.append(.gap(channel: "chat", from: id - 2, to: id - 1, cause: .backlogLost), at: now)
            now = try writer.record(id...id, from: now)
            now = try writer.record(setting.payloads.suffix(2), channel: 1, from: now)
        }
        writer.append(.replicated(replid: Self.replid, offset: 95_000), at: now)
        try writer.close(now, .stopped(checkedIDs: ["chat": 9]))
    }

    @Test func replica() throws {
        let setting = try Self.shapes()[0]
        var writer = try watcher("replica", setting.hub)
        let master = "redis-1.example:6379"
        writer.append(Self.subscribed(at: "redis-2.example:6379", replicaOf: master), at: .start)
        var now = try writer.record(setting.payloads.prefix(3), channel: 1, from: writer.record(1...3, from: .start))
        writer.append(.replicaLinkLost(master: master), at: now)
        writer.append(.replicaLinkRestored(), at: now.after(milliseconds: 5))
        now = try writer.record(4...5, from: now.after(milliseconds: 5))
        writer.append(.replicaLinkLost(master: nil), at: now)
        writer.append(.replicaResync(), at: now)
        writer.append(.gap(channel: setting.hub.topic, cause: .replicaResync), at: now)
        writer.append(.gap(channel: "chat", from: 6, to: 8, cause: .replicaResync), at: now)
        now = try writer.record(9...10, from: now)
        writer.append(Self.subscribed(at: "redis-3.example:6379", replicaOf: "unknown"), at: now)
        now = try writer.record(setting.payloads.suffix(3), channel: 1, from: now)
        try writer.close(now, .stopped(checkedIDs: ["chat": 10]))
    }

    @Test func markers() throws {
        let setting = try Self.shapes()[0]
        var writer = try watcher("markers", setting.hub)
        writer.append(Self.subscribed(), at: .start)
        var now = try writer.record(setting.payloads.prefix(3), channel: 1, from: writer.record(1...3, from: .start))
        for (lost, cause) in [(7, GapCause.connectionLost), (0, .outputBufferLimit)] {
            writer.append(.disconnected(cause: cause.rawValue), at: now)
            writer.append(Self.subscribed(), at: now)
            writer.append(.gap(channel: setting.hub.topic, cause: cause), at: now)
            writer.append(.unseen(envelopes: lost), at: now)
            now = try writer.record(setting.payloads.suffix(2), channel: 1, from: now)
        }
        try writer.close(now, .stopped(checkedIDs: ["chat": 3]))
    }

    @Test func retention() throws {
        var writer = try writer("retention", channels: ["chat", "news"])
        var now = try writer.record(21...23, from: .start)
        for reason in RetentionReason.allCases {
            let segment = StoredSegment(
                name: "\(reason.rawValue).mcap", size: 5_000, startedAt: Moment.start.realtime - 60_000_000_000,
                endedAt: Moment.start.realtime)
            let ids: OrdinalNameMap<ClosedRange<UInt64>> = reason == .age ? [:] : ["chat": 1...20, "news": 4...9]
            for event in CaptureEvent.segmentDeleted(segment, ids: ids, reason: reason) {
                writer.append(event, at: now)
            }
        }
        now = try writer.record(10...11, channel: 1, from: now)
        try writer.close(now, .stopped(checkedIDs: ["chat": 23, "news": 11]))
    }

    /// What was written before the second counter was found is withdrawn.
    @Test func counters() throws {
        var writer = try writer("counters", channels: ["chat", "news"])
        var tracker = CounterTracker()
        var withdraws: [CaptureEvent.Withdrawn] = []
        var now = Moment.start
        for id in [100, 101, 102, 1, 2, 103, 3, 104, 4, 5, 105] as [UInt64] {
            let observation = tracker.observe(id)
            if case .one(.counterReset(let from, let to)) = observation {
                writer.append(.counterReset(channel: "chat", from: from, to: to), at: now)
            }
            if observation == .restored || observation == .turn(isNews: true) {
                withdraws += CaptureEvent.Withdrawn.all(tracker)
            }
            writer.append(payload(id), at: now)
            now = now.after(milliseconds: 1)
        }
        writer.append(
            .interleaved(channel: "chat", counters: 2, databases: [0: 105, 1: 5], withdraws: withdraws), at: now)
        try writer.flush(now)
        #expect(!withdraws.isEmpty && tracker.isInterleaved)
        now = try writer.record(1...2, channel: 1, from: now)
        let reasons: [RecordingDoubt.Reason] = [
            .counterMissing, .counterNotANumber, .counterInconsistent, .connectionLost,
        ]
        for reason in reasons {
            writer.append(.mayBeMissing(channel: "news", RecordingDoubt(after: 2, reason: reason)), at: now)
        }
        try writer.close(now, .stopped(checkedIDs: ["chat": 105]))
    }
}
