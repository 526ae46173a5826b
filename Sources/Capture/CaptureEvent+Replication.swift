/// Events about the connection to the server, and about its replication stream.
extension CaptureEvent {
    /// The channels are received from here on. nil for what INFO does not say.
    ///
    /// - Parameters:
    ///   - replid: of the history of the replication stream from which they come; nil for a subscription.
    ///   - offset: everything after it is received; nil for a subscription.
    package static func subscribed(
        runID: String?, redisVersion: String?, replid: String? = nil, offset: Int64? = nil
    ) -> CaptureEvent {
        var event = CaptureEvent(.subscribed)
        event.runID = runID
        event.redisVersion = redisVersion
        event.replid = replid
        event.offset = offset
        return event
    }

    /// Name of the event for a link that continued where it ended.
    package static let resumedName = Kind.resumed.rawValue

    /// The link to the replication stream is back, and continued where it ended: nothing is missing.
    package static func resumed(replid: String, offset: Int64) -> CaptureEvent {
        at(.resumed, replid, offset)
    }

    /// Name of the event for the last position in the replication stream.
    package static let replicatedName = Kind.replicated.rawValue

    /// Everything that was published up to this offset of the replication stream is in the capture before this event,
    /// or reported missing.
    package static func replicated(replid: String, offset: Int64) -> CaptureEvent {
        at(.replicated, replid, offset)
    }

    /// The server no longer had part of the replication stream that was not received: what was published in it is
    /// missing on all channels. For event keys, the ids show what that is.
    ///
    /// - Parameter bytes: of the stream; nil if unknown.
    package static func backlogLost(bytes: Int?) -> CaptureEvent {
        var event = CaptureEvent(.gap)
        event.cause = GapCause.backlogLost.rawValue
        event.bytes = bytes
        return event
    }

    /// Name of the event for what an interruption lost, by markers.
    package static let unseenName = Kind.unseen.rawValue

    /// The subscription was interrupted between two markers: at most this many envelopes of all channels together are
    /// missing, by the server's count of PUBLISHes, which includes those on channels that are not watched.
    package static func unseen(envelopes: Int) -> CaptureEvent {
        var event = CaptureEvent(.unseen)
        event.envelopes = envelopes
        return event
    }

    private static func at(_ kind: Kind, _ replid: String, _ offset: Int64) -> CaptureEvent {
        var event = CaptureEvent(kind)
        event.replid = replid
        event.offset = offset
        return event
    }
}
