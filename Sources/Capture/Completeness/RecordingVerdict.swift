/// Whether a recording is whole, and the exit status that says so: the one rule of all commands.
///
/// A loss is what is missing although a relay should have recorded it. Time without a recording, and ids counted
/// without a publish, make a recording incomplete but are not losses. If completeness is unknown, ``isComplete`` is
/// nil.
package struct RecordingVerdict: Sendable, Equatable {
    /// Part of the capture is unreadable, or was recorded and lost.
    package var isDamaged = false
    /// Envelopes or ids are missing for a cause that is a loss.
    package var hasLoss = false
    /// Ids are missing, for any cause.
    package var hasHoles = false
    /// It is unknown whether ids are missing.
    package var isInDoubt = false

    /// Whole: nothing missing or damaged.
    package init() {}

    /// Ids or envelopes are missing.
    ///
    /// - Parameter cause: of a `gap` event, or the reason of a `dropped` event.
    package mutating func missing(cause: String) {
        hasHoles = true
        if Self.isLoss(cause: cause) { hasLoss = true }
    }

    /// nil if unknown.
    package var isComplete: Bool? {
        if isDamaged || hasLoss || hasHoles { return false }
        return isInDoubt ? nil : true
    }

    /// 3 for loss or damage, else 0.
    package var exitStatus: Int32 { isDamaged || hasLoss ? 3 : 0 }

    /// True if ids missing for this cause were lost while a relay should have recorded them.
    ///
    /// An unknown cause counts as a loss, the safer error.
    package static func isLoss(cause: String) -> Bool { !harmless.contains(cause) }

    private static let harmless: Set<String> = [
        GapCause.notRecording.rawValue, GapCause.foreignPublish.rawValue,
        // Unknown: part of the capture may be elsewhere.
        GapCause.unknown.rawValue,
        // Intact elsewhere, or deleted at the operator's request.
        SegmentLoss.Cause.moved.rawValue, "segment_deleted",
    ]
}

extension RecordingVerdict: Encodable {
    package func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        if let isComplete { try container.encode(isComplete) } else { try container.encodeNil() }
    }
}

/// Why ids are missing.
package enum GapCause: String, Sendable, CaseIterable {
    /// Our own intake was full.
    case dropped
    /// The connection was lost in between.
    case connectionLost = "connection_lost"
    /// Redis closed our connection because its output buffer was full.
    case outputBufferLimit = "output_buffer_limit"
    /// The server's run_id changed in between.
    case redisRestart = "redis_restart"
    /// Another server was used in between, such as the master after a failover.
    case failover
    /// The server subscribed to is a replica, and did a full sync from its master in between.
    case replicaResync = "replica_resync"
    /// The relay reads the replication stream, and the server no longer had what followed a lost connection.
    case backlogLost = "backlog_lost"
    /// The relay was not recording in between.
    case notRecording = "not_recording"
    /// They had not arrived when the relay stopped, although Redis had given them out.
    case stopped
    /// Nothing happened to us: the counter moved without a PUBLISH on the channel.
    case foreignPublish = "foreign_publish"
    /// The capture holds no event that explains it.
    case unknown
}
