/// Whether a recording is whole, and the exit status that says so: the one rule of all commands.
///
/// Lost is what the recording lacks although it should have run. Time in which nobody recorded, and ids that were counted
/// without a publish, make it incomplete and are no loss. Where nobody can tell, ``isComplete`` is nil.
package struct RecordingVerdict: Sendable, Equatable {
    /// Something of the capture cannot be read, or was recorded and is gone.
    package var isDamaged = false
    /// Envelopes, or ids of some, that are missing by causes that are losses.
    package var hasLoss = false
    /// Ids are missing, for whatever reason.
    package var hasHoles = false
    /// It cannot be told whether ids are missing.
    package var isInDoubt = false

    package init() {}

    /// Ids are missing, or envelopes.
    ///
    /// - Parameter cause: of a `gap` event, or the reason of a `dropped` one.
    package mutating func missing(cause: String) {
        hasHoles = true
        if Self.isLoss(cause: cause) { hasLoss = true }
    }

    /// nil where it cannot be told.
    package var isComplete: Bool? {
        if isDamaged || hasLoss || hasHoles { return false }
        return isInDoubt ? nil : true
    }

    /// 3 for loss or damage, else 0.
    package var exitStatus: Int32 { isDamaged || hasLoss ? 3 : 0 }

    /// True if what is missing for this cause was lost while the recording should have run.
    ///
    /// A word that this version does not know counts as a loss: that is the error that does less harm.
    package static func isLoss(cause: String) -> Bool { !harmless.contains(cause) }

    private static let harmless: Set<String> = [
        GapCause.notRecording.rawValue, GapCause.foreignPublish.rawValue,
        // Nobody knows: a part of the capture may be elsewhere.
        GapCause.unknown.rawValue,
        // Whole, elsewhere; or deleted because the operator said so.
        SegmentLoss.Cause.moved.rawValue, "segment_deleted",
    ]
}

extension RecordingVerdict: Encodable {
    package func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        if let isComplete { try container.encode(isComplete) } else { try container.encodeNil() }
    }
}
