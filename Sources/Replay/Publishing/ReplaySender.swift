import Capture
import NIOCore
import Redis
import Time

/// The connection as needed by a sender: many commands in flight, replies in order.
protocol CommandPipeline: Sendable {
    /// See `RedisClient.pipeline(_:count:beforeWrite:onWrite:onReply:)`.
    func send(
        _ bytes: ByteBuffer, count: Int, beforeWrite: @escaping @Sendable () -> Void,
        onWrite: @escaping @Sendable () -> Void, onReply: @escaping @Sendable (Result<RESPValue, RedisError>) -> Void)
}

extension RedisClient: CommandPipeline {
    func send(
        _ bytes: ByteBuffer, count: Int, beforeWrite: @escaping @Sendable () -> Void,
        onWrite: @escaping @Sendable () -> Void, onReply: @escaping @Sendable (Result<RESPValue, RedisError>) -> Void
    ) {
        pipeline(bytes, count: count, beforeWrite: beforeWrite, onWrite: onWrite, onReply: onReply)
    }
}

/// Sends envelopes over one connection, batching those that are due, and keeps account of them. For the replaying
/// thread.
final class ReplaySender {
    /// Nothing more is sent to this target; the outcome has the reason.
    struct TargetFailed: Error {}

    /// A batch is sent when it reaches this many bytes.
    static let batchBytes = 64 * 1024
    static let checkpointInterval: UInt64 = 100_000_000

    /// Due but unsent envelopes.
    var batch: CommandBatch
    private let connection: any CommandPipeline
    private let window: PublishWindow
    private let account: ReplayAccount
    private let control: ReplayControl
    private let clock: any ReplayClock
    private var deadlines: [UInt64] = []

    init(
        batch: CommandBatch, connection: any CommandPipeline, window: PublishWindow, account: ReplayAccount,
        control: ReplayControl, clock: any ReplayClock
    ) {
        self.batch = batch
        self.connection = connection
        self.window = window
        self.account = account
        self.control = control
        self.clock = clock
    }

    func begin() throws {
        window.begin(published: account.progress.confirmed)
        // Before the first envelope: the existence of the file shows that more may have been sent than it records.
        try save()
    }

    /// An envelope was appended to the batch and the account.
    ///
    /// - Parameters:
    ///   - deadline: monotonic, in nanoseconds; nil if it has none.
    ///   - offset: for ``send(offset:)``.
    /// - Throws: see ``send(offset:)``; `ReplayPacer.Stopped` if it was stopped meanwhile.
    func appended(deadline: UInt64?, offset: UInt64) throws {
        if let deadline { deadlines.append(deadline) }
        guard batch.bytes.readableBytes >= Self.batchBytes || batch.count >= PublishWindow.limit / 2 else { return }
        try send(offset: offset)
        if control.isStopped { throw ReplayPacer.Stopped() }
    }

    /// Sends the batch.
    ///
    /// - Parameter offset: when the last one was due, since the start.
    /// - Throws: ``TargetFailed``; ``ReplayError`` if the checkpoint cannot be written.
    func send(offset: UInt64) throws {
        guard batch.count > 0 else { return }
        try keepCheckpointNear()
        guard window.admit(batch.count, bytes: batch.bytes.readableBytes) else { throw TargetFailed() }
        connection.send(batch.bytes, count: batch.count) { [clock, deadline = deadlines.last] in
            // The pacer hands over slightly early.
            if let deadline { clock.spin(until: deadline) }
        } onWrite: { [window, control, clock, deadlines] in
            let lateness = window.written(at: clock.now().monotonic, deadlines: deadlines)
            if !deadlines.isEmpty { control.late(by: lateness) }
        } onReply: { [window] in
            window.answered($0)
        }
        control.sent(account.progress.sent, offset: offset)
        deadlines.removeAll(keepingCapacity: true)
        batch.clear()
        if account.isOlder(than: Self.checkpointInterval, at: clock.now().monotonic) { try save() } else { confirm() }
    }

    /// Waits for all replies.
    ///
    /// - Parameter isWhole: everything was sent, and it was not stopped.
    func finish(isWhole: Bool) throws -> PublishWindow.Outcome {
        let outcome = window.drain()
        try save(isFinished: isWhole && outcome.failure == nil)
        return outcome
    }

    /// At most one pipeline is sent beyond the state in the file.
    private func keepCheckpointNear() throws {
        guard account.hasFile else { return }
        while account.progress.sent - account.saved > PublishWindow.limit {
            let before = account.saved
            window.settle(unanswered: PublishWindow.limit / 4)
            try save()
            // It failed: admit() reports it.
            if account.saved == before { return }
        }
    }

    private func save(isFinished: Bool = false) throws {
        confirm()
        try account.save(at: clock.now().monotonic, isFinished: isFinished)
    }

    private func confirm() {
        let (confirmed, lastID) = window.progress
        account.confirm(upTo: confirmed, lastID: lastID)
    }
}
