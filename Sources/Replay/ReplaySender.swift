import Capture
import NIOCore
import Redis
import Time

/// Hands envelopes to one connection, as many together as are due, and keeps the account of them. For the replaying thread.
final class ReplaySender {
    /// Nothing more goes to this target; the outcome tells why.
    struct TargetFailed: Error {}

    /// Commands are sent on when this many bytes are due together.
    private static let batchBytes = 64 * 1024
    private static let checkpointInterval: UInt64 = 100_000_000

    /// What is due and not yet sent.
    var batch: CommandBatch
    private let client: RedisClient
    private let window: PublishWindow
    private let account: ReplayAccount
    private let control: ReplayControl
    private var deadlines: [UInt64] = []
    /// Of the last envelope appended.
    private var ordinal = 0

    init(
        batch: CommandBatch, client: RedisClient, window: PublishWindow, account: ReplayAccount, control: ReplayControl
    ) {
        self.batch = batch
        self.client = client
        self.window = window
        self.account = account
        self.control = control
    }

    /// - Parameter published: envelopes that were published before.
    func begin(published: Int) throws {
        ordinal = published
        window.begin(published: published)
        // Before the first envelope: whoever finds the file knows that more may have been sent than it says.
        try save()
    }

    /// An envelope was appended to the batch.
    ///
    /// - Parameters:
    ///   - id: its captured one.
    ///   - offset: for ``send(offset:)``.
    func appended(id: UInt64?, deadline: UInt64?, offset: UInt64) throws {
        ordinal += 1
        account.sent(id)
        if let deadline { deadlines.append(deadline) }
        guard batch.bytes.readableBytes >= Self.batchBytes || batch.count >= PublishWindow.limit / 2 else { return }
        try send(offset: offset)
        if control.isStopped { throw ReplayPacer.Stopped() }
    }

    /// Sends what was appended.
    ///
    /// - Parameter offset: when the last one was due, since the start.
    /// - Throws: ``TargetFailed``; ``ReplayError`` if the checkpoint cannot be written.
    func send(offset: UInt64) throws {
        guard batch.count > 0 else { return }
        try keepCheckpointNear()
        guard window.admit(batch.count) else { throw TargetFailed() }
        client.pipeline(batch.bytes, count: batch.count) { [deadline = deadlines.last] in
            // The pacer hands over a little early.
            if let deadline { PreciseSleep.spin(until: deadline) }
        } onWrite: { [window, control, deadlines] in
            let lateness = window.written(at: Moment.now().monotonic, deadlines: deadlines)
            if !deadlines.isEmpty { control.late(by: lateness) }
        } onReply: { [window] in
            window.answered($0)
        }
        control.sent(ordinal, offset: offset)
        deadlines.removeAll(keepingCapacity: true)
        batch.clear()
        if account.isOlder(than: Self.checkpointInterval, at: Moment.now().monotonic) { try save() }
        account.confirm(upTo: window.progress.confirmed)
    }

    /// Waits for all answers.
    ///
    /// - Parameter isWhole: everything was handed over, and nobody stopped it.
    func finish(isWhole: Bool) throws -> PublishWindow.Outcome {
        let outcome = window.drain()
        account.confirm(upTo: outcome.confirmed)
        try save(isFinished: isWhole && outcome.failure == nil)
        return outcome
    }

    /// Never is more sent than one pipeline beyond what the file says.
    private func keepCheckpointNear() throws {
        guard account.hasFile else { return }
        while ordinal - account.saved > PublishWindow.limit {
            let before = account.saved
            window.settle(unanswered: PublishWindow.limit / 4)
            try save()
            // It failed: admit() says so.
            if account.saved == before { return }
        }
    }

    private func save(isFinished: Bool = false) throws {
        let progress = window.progress
        try account.save(confirmed: progress.confirmed, lastID: progress.lastID, isFinished: isFinished)
    }
}
