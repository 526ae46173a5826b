/// Determines whether the envelopes of a recording are complete, by the offset of the replication stream from which they
/// came: for a wire without ids, nothing else shows it.
///
/// A recording begins with a subscription, which a replication link takes over where the two overlap. From there on
/// every PUBLISH is in the stream, which the offset counts byte by byte. Fed with the events of one recording in their
/// order; a value without I/O.
package struct ReplicationProof: Sendable, Equatable {
    /// What receives the channels.
    private enum Carrier: Equatable {
        /// Nothing: before the first subscription, or after a regular stop.
        case nothing
        case subscription
        case link
        /// The link is lost and may continue where it ended.
        case lostLink
    }

    /// The history of the stream, by its random name; the last one if it changed with a failover.
    package private(set) var replid: String?
    /// Offset from which on the stream was received; nil without a link.
    package private(set) var from: Int64?
    /// Last offset that an event names.
    package private(set) var to: Int64?
    /// Bytes of the stream that were lost, where known.
    package private(set) var lostBytes = 0
    /// How often part of the stream was lost.
    package private(set) var losses = 0
    /// Those of them that are not in ``lostBytes``, because the server did not tell.
    package private(set) var lossesOfUnknownSize = 0
    private var carrier = Carrier.nothing
    /// Some time of the recording is not covered by a link.
    private var isUnproven = false
    /// Nothing has been said about the connection yet: the capture may begin in the middle of a recording.
    private var isUntold = true
    /// There are envelopes without ids, whose completeness depends on the stream.
    package private(set) var hasWireWithoutIDs = false

    private static let resumed = CaptureEvent.resumedName
    private static let replicated = CaptureEvent.replicatedName

    /// Nothing read yet.
    package init() {}

    /// Called for each envelope of ASP.NET Core.
    @inline(__always)
    package mutating func noteWireWithoutIDs() {
        if !hasWireWithoutIDs || carrier == .nothing { noteFirst() }
    }

    private mutating func noteFirst() {
        hasWireWithoutIDs = true
        // After a stop: the event of the next subscription is missing.
        if carrier == .nothing, !isUntold { isUnproven = true }
    }

    /// Events in recording order; those that say nothing about the connection are ignored.
    package mutating func note(_ event: CaptureEvent) {
        let wasUntold = isUntold
        if ["subscribed", "disconnected", "gap", Self.resumed, Self.replicated].contains(event.event) {
            isUntold = false
        }
        // Envelopes before the first event about the connection.
        if wasUntold, !isUntold, hasWireWithoutIDs, event.event != Self.replicated { isUnproven = true }
        switch event.event {
        case "subscribed": subscribed(event)
        case Self.resumed:
            // Without a lost link before it, part of the capture is missing.
            if carrier == .lostLink { carrier = .link } else { isUnproven = true }
            reached(event)
        case Self.replicated:
            // The link began in an earlier segment that is not here.
            if wasUntold { carrier = .link }
            if carrier == .link { reached(event) }
        case "disconnected": disconnected(isStop: event.cause == "stopped")
        case "gap" where event.from == nil:
            guard event.cause == GapCause.backlogLost.rawValue else { return isUnproven = true }
            losses += 1
            if let bytes = event.bytes {
                let (sum, overflow) = lostBytes.addingReportingOverflow(max(0, bytes))
                lostBytes = overflow ? .max : sum
            } else {
                lossesOfUnknownSize += 1
            }
            // The loss has been counted.
            if carrier == .lostLink { carrier = .nothing }
        default: break
        }
    }

    private mutating func subscribed(_ event: CaptureEvent) {
        guard event.offset != nil else {
            // After a link that was given up, an outage, or an earlier run.
            if carrier != .nothing || (from != nil && losses == 0) { isUnproven = true }
            carrier = .subscription
            return
        }
        if carrier == .lostLink { isUnproven = true }
        carrier = .link
        reached(event)
    }

    private mutating func reached(_ event: CaptureEvent) {
        guard let offset = event.offset else { return }
        if from == nil { from = offset }
        to = offset
        replid = event.replid ?? replid
    }

    private mutating func disconnected(isStop: Bool) {
        switch carrier {
        case .link: carrier = isStop ? .nothing : .lostLink
        case .lostLink: if isStop { endUnproven() }
        case .subscription: endUnproven()
        case .nothing: break
        }
    }

    private mutating func endUnproven() {
        isUnproven = true
        carrier = .nothing
    }

    /// nil if unknown; true if every envelope is there by the offset of the stream.
    package var isComplete: Bool? {
        if losses > 0 { return false }
        guard from != nil, !isUnproven else { return nil }
        return carrier == .nothing || carrier == .link ? true : nil
    }

    /// Whether completeness of envelopes without ids is unknown.
    package var isInDoubt: Bool { hasWireWithoutIDs && isComplete == nil }

    /// Whether envelopes without ids are missing.
    package var hasLoss: Bool { hasWireWithoutIDs && losses > 0 }

    /// As a sentence for `info`; nil without a link.
    package var text: String? {
        guard let from, let to else { return nil }
        let range = "replication offset \(from)..\(to)"
        return switch isComplete {
        case true?: "complete by \(range)"
        case false?:
            "not complete: \(lostPart) of the replication stream \(lostBytes > 1 ? "were" : "was") lost; received \(range)"
        case nil: "unknown: only part of the recording came from the replication stream, \(range)"
        }
    }

    private var lostPart: String {
        guard lossesOfUnknownSize > 0 else { return Quantity.text(lostBytes, "byte") }
        return lostBytes == 0 ? "a part of unknown size" : "at least " + Quantity.text(lostBytes, "byte")
    }
}

extension ReplicationProof: Encodable {
    enum CodingKeys: String, CodingKey {
        case replid
        case from = "from_offset"
        case to = "to_offset"
        case lostBytes = "lost_bytes"
        case losses
        case lossesOfUnknownSize = "losses_of_unknown_size"
        case isComplete = "complete"
    }

    /// `complete` is true, false, or null if unknown.
    package func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encodeIfPresent(replid, forKey: .replid)
        try container.encodeIfPresent(from, forKey: .from)
        try container.encodeIfPresent(to, forKey: .to)
        try container.encode(lostBytes, forKey: .lostBytes)
        try container.encode(losses, forKey: .losses)
        try container.encode(lossesOfUnknownSize, forKey: .lossesOfUnknownSize)
        if let isComplete {
            try container.encode(isComplete, forKey: .isComplete)
        } else {
            try container.encodeNil(forKey: .isComplete)
        }
    }
}
