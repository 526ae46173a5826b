import Capture
import Backplane
import Time

/// What of a replay was published, across its connections, and in the checkpoint's file across its processes.
///
/// For one thread at a time, as `ReplayRun`.
final class ReplayAccount {
    private let path: String?
    private var checkpoint: ReplayCheckpoint
    private(set) var sentIDs: SentIDs
    /// Envelopes that were sent, as far as it is known; of a process before this one no more than the window holds.
    private var sentAtMost: Int
    private var savedAt: UInt64 = 0

    /// - Parameters:
    ///   - checkpoint: where the replay stands.
    ///   - isResumed: whether it was in the file.
    ///   - path: of the file; nil for none.
    init(_ checkpoint: ReplayCheckpoint, isResumed: Bool, path: String?) {
        self.checkpoint = checkpoint
        self.path = path
        sentIDs = SentIDs(published: checkpoint.confirmed, last: checkpoint.lastCapturedID)
        sentAtMost = checkpoint.confirmed + (isResumed ? PublishWindow.limit : 0)
    }

    /// The key at the target that counts what was published.
    var progressKey: String { "backplane-relay:replay:\(checkpoint.token)" }
    /// Of the target's event keys, before the first envelope.
    var counters: OrdinalNameMap<UInt64> { checkpoint.counters }
    /// Envelopes that the file, if there is one, says were published.
    var saved: Int { checkpoint.confirmed }
    /// Id that the target gave to the last envelope, when that was saved.
    var lastID: Int64? { checkpoint.lastID }
    var hasFile: Bool { path != nil }

    /// A connection begins.
    ///
    /// - Parameter known: how many envelopes the target says were published; nil if it knows nothing.
    /// - Returns: where to go on, and the captured ids of what is behind that, where they are known.
    func resume(known: Int?, at target: ServerIdentity) -> (ReplayResumption, unanswered: [UInt64?]) {
        let resumption = ReplayResumption(
            confirmed: sentIDs.confirmed, sent: max(sentAtMost, sentIDs.sent), known: known,
            isSameProcess: checkpoint.target.isSameProcess(as: target))
        checkpoint.target = target
        sentIDs.confirm(upTo: resumption.published)
        let unanswered = sentIDs.unconfirmed
        sentIDs = SentIDs(published: resumption.published, last: sentIDs.lastConfirmed)
        sentAtMost = resumption.published
        return (resumption, unanswered)
    }

    func sent(_ id: UInt64?) { sentIDs.append(id) }

    /// The last one that was published before, met again.
    func passed(_ id: UInt64?) { sentIDs.passed(id) }

    func confirm(upTo ordinal: Int) { sentIDs.confirm(upTo: ordinal) }

    /// - Throws: ``ReplayError`` if the file cannot be written.
    func save(confirmed: Int, lastID: Int64?, isFinished: Bool = false) throws(ReplayError) {
        sentIDs.confirm(upTo: confirmed)
        checkpoint.confirmed = sentIDs.confirmed
        checkpoint.lastCapturedID = sentIDs.lastConfirmed
        checkpoint.lastID = lastID ?? checkpoint.lastID
        checkpoint.isFinished = isFinished
        savedAt = Moment.now().monotonic
        if let path { try checkpoint.write(path) }
    }

    /// Whether the file is that old, in nanoseconds.
    func isOlder(than age: UInt64, at now: UInt64) -> Bool { path != nil && now > savedAt + age }
}
