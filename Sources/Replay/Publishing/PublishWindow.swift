import DequeModule
import Histogram
import NIOConcurrencyHelpers
import Redis

/// The commands in flight to the target: limits them, and collects the replies.
///
/// The replaying thread waits here while there are too many unanswered commands; the client's event loop reports each
/// reply.
final class PublishWindow: @unchecked Sendable {
    // @unchecked: the stored properties below `lock` are touched only while it is held.

    /// Maximum number of unanswered commands.
    static let limit = 1_024
    /// Maximum number of unanswered bytes, because commands may be large; a single command may exceed it.
    static let byteLimit = 16 << 20

    struct Outcome {
        var confirmed = 0
        var firstID: Int64?
        var lastID: Int64?
        var receivers = ReplayReport.Distribution()
        var failure: String?
        /// Set if the connection ended.
        var loss: RedisError?
        /// Set if there was an error reply.
        var refusal: String?
        /// Envelopes published after a refused one, because they were in flight.
        var confirmedBehindFailure = 0
        var lateness = ReplayReport.Distribution()
        /// When the last command was written to the socket, monotonic, in nanoseconds.
        var lastWrittenAt: UInt64 = 0
    }

    /// True while there is room, or nothing left to wait for.
    private let lock = ConditionLock(value: true)
    private var unanswered = 0
    private var awaited = PublishWindow.limit - 1
    private var unansweredBytes = 0
    private var awaitedBytes = Int.max
    /// Batches with unanswered commands, oldest first: the number of these commands, and the bytes of the whole batch.
    private var batches: Deque<(commands: Int, bytes: Int)> = []
    private var confirmed = 0
    private var firstID: Int64?
    private var lastID: Int64?
    private var failure: String?
    private var loss: RedisError?
    private var refusal: String?
    private var confirmedBehindFailure = 0
    private var receivers = Histogram<UInt32>(numberOfSignificantValueDigits: .three)
    private var lateness = Histogram<UInt64>(numberOfSignificantValueDigits: .three)
    private var lastWrittenAt: UInt64 = 0

    /// Waits until `count` more commands may be sent.
    ///
    /// - Parameter bytes: of all of them.
    /// - Returns: false if the target failed: then nothing more should be sent.
    func admit(_ count: Int, bytes: Int = 0) -> Bool {
        wait(
            untilUnansweredAtMost: Self.limit - min(count, Self.limit),
            bytes: Self.byteLimit - min(bytes, Self.byteLimit))
        defer { lock.unlock() }
        guard failure == nil else { return false }
        unanswered += count
        unansweredBytes += bytes
        batches.append((count, bytes))
        return true
    }

    /// Replies so far, before any failure.
    var progress: (confirmed: Int, lastID: Int64?) {
        lock.lock()
        defer { lock.unlock() }
        return (confirmed, lastID)
    }

    /// Bytes of batches with unanswered commands.
    var unansweredBytesNow: Int {
        lock.lock()
        defer { lock.unlock() }
        return unansweredBytes
    }

    /// Starts over on another connection.
    ///
    /// - Parameter published: envelopes known to be published, possibly more than were confirmed.
    func begin(published: Int) {
        lock.lock()
        confirmed = published
        failure = nil
        loss = nil
        refusal = nil
        confirmedBehindFailure = 0
        lock.unlock()
    }

    /// Waits until at most this many are unanswered.
    func settle(unanswered count: Int) {
        wait(untilUnansweredAtMost: count)
        lock.unlock()
    }

    /// Waits until everything is answered or lost.
    func drain() -> Outcome {
        wait(untilUnansweredAtMost: 0)
        defer { lock.unlock() }
        var outcome = Outcome(
            confirmed: confirmed, firstID: firstID, lastID: lastID, failure: failure, loss: loss, refusal: refusal,
            confirmedBehindFailure: confirmedBehindFailure)
        if receivers.totalCount > 0 { outcome.receivers = ReplayReport.Distribution(receivers) }
        if lateness.totalCount > 0 { outcome.lateness = ReplayReport.Distribution(lateness) }
        outcome.lastWrittenAt = lastWrittenAt
        return outcome
    }

    /// Commands were written to the socket.
    ///
    /// - Parameter deadlines: of those that have one.
    /// - Returns: the delay of the last one, in nanoseconds.
    @discardableResult
    func written(at now: UInt64, deadlines: [UInt64]) -> UInt64 {
        lock.lock()
        lastWrittenAt = now
        for deadline in deadlines { lateness.record(now > deadline ? now - deadline : 0) }
        lock.unlock(withValue: hasRoom)
        return deadlines.last.map { now > $0 ? now - $0 : 0 } ?? 0
    }

    /// One reply: `{newId, receivers}` of the publishing script, or the number of receivers of an envelope without an
    /// id.
    func answered(_ reply: Result<RESPValue, RedisError>) {
        lock.lock()
        unanswered -= 1
        if !batches.isEmpty {
            batches[0].commands -= 1
            if batches[0].commands == 0 { unansweredBytes -= batches.removeFirst().bytes }
        }
        switch reply {
        case .success(.array(let parts)) where parts.first?.integer != nil:
            if failure == nil { confirmed += 1 } else { confirmedBehindFailure += 1 }
            firstID = firstID ?? parts.first?.integer
            lastID = parts.first?.integer
            if parts.count > 1, let count = parts[1].integer { receivers.record(UInt64(max(0, count))) }
        case .success(.integer(let count)):
            if failure == nil { confirmed += 1 } else { confirmedBehindFailure += 1 }
            receivers.record(UInt64(max(0, count)))
        case .success(.error(let text)):
            if failure == nil { refusal = text }
            failure = failure ?? text
        case .success:
            failure = failure ?? "an unexpected answer from the script"
        case .failure(let error):
            if failure == nil { loss = error }
            failure = failure ?? error.description
        }
        lock.unlock(withValue: hasRoom)
    }

    private var hasRoom: Bool { unanswered <= awaited && unansweredBytes <= awaitedBytes }

    /// Returns with the lock held.
    private func wait(untilUnansweredAtMost count: Int, bytes: Int = .max) {
        lock.lock()
        awaited = count
        awaitedBytes = bytes
        lock.unlock(withValue: hasRoom)
        lock.lock(whenValue: true)
    }
}

extension ReplayReport.Distribution {
    init<Count>(_ histogram: Histogram<Count>) {
        self.init(
            count: Int(histogram.totalCount), minimum: histogram.min, median: histogram.valueAtPercentile(50),
            p90: histogram.valueAtPercentile(90), p99: histogram.valueAtPercentile(99), maximum: histogram.max)
    }
}
