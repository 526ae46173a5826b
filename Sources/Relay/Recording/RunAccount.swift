package import Capture
import Synchronization

/// What a run lost while it should have recorded: decides its exit status.
///
/// Written by the recorder's thread, read by whoever asks.
final class RunAccount: Sendable {
    private let missing = Atomic(0)
    private let gone = Atomic(0)

    /// Ids that were given out in this run and did not arrive. What the intake dropped is counted as dropped.
    func missed(ids: UInt64, cause: GapCause) {
        guard cause != .dropped, RecordingVerdict.isLoss(cause: cause.rawValue) else { return }
        missing.add(Int(clamping: ids), ordering: .relaxed)
    }

    /// Recorded, and gone again.
    func lost(envelopes: Int) { gone.add(envelopes, ordering: .relaxed) }

    var missingIDs: Int { missing.load(ordering: .relaxed) }
    var goneEnvelopes: Int { gone.load(ordering: .relaxed) }
}

/// What a relay that records lost in its run.
package struct RelayLosses: Sendable, Equatable {
    /// Received and not recorded: the intake was full, or the disk.
    package var droppedEnvelopes = 0
    /// Never received, as their ids tell.
    package var missingIDs = 0
    /// Recorded, and gone with a file that somebody removed or cut.
    package var goneEnvelopes = 0

    package init() {}

    package var isEmpty: Bool { droppedEnvelopes == 0 && missingIDs == 0 && goneEnvelopes == 0 }

    /// What the exit status follows from.
    package var verdict: RecordingVerdict {
        var verdict = RecordingVerdict()
        verdict.hasLoss = droppedEnvelopes > 0 || missingIDs > 0
        verdict.isDamaged = goneEnvelopes > 0
        return verdict
    }
}
