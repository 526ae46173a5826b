package import Backplane

/// Events about the files of the capture, the hubs and counters in it, and the role of the server.
extension CaptureEvent {
    /// Envelopes that were received but not recorded: one event per range of ids.
    package static func dropped(channel: String, _ tally: ChannelTally, reason: String) -> [CaptureEvent] {
        shares(of: tally).map { ids, envelopes, bytes in
            .dropped(channel: channel, envelopes: envelopes, bytes: bytes, reason: reason, ids: ids)
        }
    }

    /// Envelopes that were recorded and then lost: one event per range of ids.
    ///
    /// - Parameter segment: file name of the segment that held them.
    package static func lost(
        channel: String, _ tally: ChannelTally, cause: SegmentLoss.Cause, segment: String
    ) -> [CaptureEvent] {
        shares(of: tally).map { ids, envelopes, _ in
            var event = CaptureEvent(cause == .moved ? .segmentMoved : .lost, channel: channel)
            event.from = ids?.lowerBound
            event.to = ids?.upperBound
            event.envelopes = envelopes
            event.cause = cause.rawValue
            event.segment = segment
            return event
        }
    }

    /// Retention deleted a segment; one event for each channel with ids in it.
    ///
    /// - Parameter ids: first to last, by channel.
    package static func segmentDeleted(
        _ segment: StoredSegment, ids: OrdinalNameMap<ClosedRange<UInt64>>, reason: RetentionReason
    ) -> [CaptureEvent] {
        func event(_ channel: String?, _ ids: ClosedRange<UInt64>?) -> CaptureEvent {
            var event = CaptureEvent(.segmentDeleted, channel: channel)
            event.from = ids?.lowerBound
            event.to = ids?.upperBound
            event.cause = "segment_deleted"
            event.reason = reason.rawValue
            event.segment = segment.name
            event.bytes = Int(clamping: segment.size)
            return event
        }
        if ids.isEmpty { return [event(nil, nil)] }
        return ids.sorted { $0.key < $1.key }.map { event($0.key, $0.value) }
    }

    /// - Parameter free: free bytes on the file system.
    package static func recordingPaused(free: UInt64) -> CaptureEvent {
        diskEvent(.recordingPaused, free: free)
    }

    /// - Parameter free: free bytes on the file system.
    package static func recordingResumed(free: UInt64) -> CaptureEvent {
        diskEvent(.recordingResumed, free: free)
    }

    /// Several counters assign ids on one channel in turn, so missing ids cannot be determined.
    ///
    /// - Parameters:
    ///   - databases: value of each counter; nil if unreadable.
    ///   - withdraws: events written before this was known.
    package static func interleaved(
        channel: String, counters: Int, databases: [Int: UInt64]?, withdraws: [Withdrawn] = []
    ) -> CaptureEvent {
        var event = CaptureEvent(.interleaved, channel: channel)
        event.counters = counters
        if !withdraws.isEmpty { event.withdraws = withdraws }
        if let databases {
            event.databases = Dictionary(uniqueKeysWithValues: databases.map { ("\($0)", $1) })
        } else {
            event.reason = "not_separable"
        }
        return event
    }

    /// The server subscribed to became a replica.
    ///
    /// - Parameter master: `host:port` of its master, if known.
    package static func demoted(master: String?) -> CaptureEvent {
        var event = CaptureEvent(.demoted)
        event.reason = master
        return event
    }

    /// The server subscribed to is a master again.
    package static func promoted() -> CaptureEvent { CaptureEvent(.promoted) }

    /// A hub was discovered: its envelopes are recorded from here on.
    package static func attached(channel: String) -> CaptureEvent {
        CaptureEvent(.attached, channel: channel)
    }

    /// A discovered hub has no nodes: its envelopes are not recorded from here on, until it is attached again.
    package static func detached(channel: String) -> CaptureEvent {
        CaptureEvent(.detached, channel: channel)
    }

    /// What was published to a hub of ASP.NET Core was not received for some time; without ids it is unknown whether
    /// there was anything.
    package static func gap(channel: String, cause: GapCause) -> CaptureEvent {
        var event = CaptureEvent(.gap, channel: channel)
        event.cause = cause.rawValue
        return event
    }

    /// The replica subscribed to has lost its master: what is published does not arrive.
    ///
    /// - Parameter master: its `host:port`, if known.
    package static func replicaLinkLost(master: String?) -> CaptureEvent {
        var event = CaptureEvent(.replicaLinkLost)
        event.reason = master
        return event
    }

    /// It follows its master again, and has missed nothing.
    package static func replicaLinkRestored() -> CaptureEvent { CaptureEvent(.replicaLinkRestored) }

    /// It did a full sync from its master: what was published meanwhile did not arrive.
    package static func replicaResync() -> CaptureEvent { CaptureEvent(.replicaResync) }

    private static func diskEvent(_ kind: Kind, free: UInt64) -> CaptureEvent {
        var event = CaptureEvent(kind)
        event.reason = "disk_low"
        event.bytes = Int(clamping: free)
        return event
    }

    /// True if it can explain missing ids.
    var explainsHoles: Bool {
        switch event {
        case "gap", "dropped", "lost", SegmentLoss.Cause.moved.rawValue, "segment_deleted": true
        default: false
        }
    }

    /// True if part of the capture itself is gone.
    package var isLoss: Bool { event == "lost" }

    /// Splits a tally by ranges of ids: each part has one envelope per id, the last part has the rest.
    private static func shares(
        of tally: ChannelTally
    ) -> [(ids: ClosedRange<UInt64>?, envelopes: Int, bytes: Int)] {
        let ranges = tally.ids
        guard ranges.count > 1 else { return [(ranges.first, tally.envelopes, tally.bytes)] }
        var left = tally.envelopes
        return ranges.enumerated().map { index, ids in
            let isLast = index == ranges.count - 1
            let count = isLast ? left : min(left, Int(clamping: ids.upperBound - ids.lowerBound) + 1)
            left -= count
            return (ids, count, isLast ? tally.bytes : 0)
        }
    }
}
