extension CaptureEvent {
    /// The events that this version writes into captures. `Tests/CaptureTests/Golden` holds one of each.
    package enum Kind: String, CaseIterable, Sendable {
        case subscribed, disconnected, resumed, replicated, gap, unseen, duplicate, dropped, interleaved
        case counterReset = "counter_reset"
        case mayBeMissing = "may_be_missing"
        case clockStep = "clock_step"
        case demoted, promoted
        case replicaLinkLost = "replica_link_lost"
        case replicaLinkRestored = "replica_link_restored"
        case replicaResync = "replica_resync"
        case attached, detached
        case segment, lost
        case segmentMoved = "segment_moved"
        case segmentDeleted = "segment_deleted"
        case recordingPaused = "recording_paused"
        case recordingResumed = "recording_resumed"
        case erased
    }

    /// An event with no other members.
    package init(_ kind: Kind, channel: String? = nil) { self.init(event: kind.rawValue, channel: channel) }
}
