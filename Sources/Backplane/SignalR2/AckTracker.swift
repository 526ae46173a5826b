/// Matches commands that wait for an ack with the acks, and reports which never arrived.
///
/// A node that adds a connection to a group publishes a command and waits up to 30 s for the owner's ack; then the
/// caller's task is cancelled. A value without I/O, bounded: beyond `maximumPending` commands the oldest is dropped.
package struct AckTracker: Sendable {
    /// How long a real node waits, in nanoseconds.
    package static let timeout: UInt64 = 30_000_000_000
    /// Maximum number of commands waiting for their ack; a new command beyond it replaces the oldest.
    package static let maximumPending = 4_096

    private struct Sent {
        let command: UInt64
        let time: UInt64
    }

    private let hash = ByteHash()
    /// Send time of each command without an ack, by the hash of its id.
    private var pending: [UInt64: UInt64] = [:]
    /// In order of sending; some may already be answered.
    private var order: [Sent] = []
    private var oldest = 0

    /// No command sent yet.
    package init() {}

    /// - Parameter time: in nanoseconds, of any monotonic clock.
    package mutating func sent(commandID: UnsafeRawBufferPointer, at time: UInt64) {
        sent(hash.of(commandID), at: time)
    }

    /// - Parameters:
    ///   - command: a hash that no other command that waits has.
    ///   - time: as above.
    package mutating func sent(_ command: UInt64, at time: UInt64) {
        pending[command] = time
        order.append(Sent(command: command, time: time))
        while pending.count > Self.maximumPending, oldest < order.count { forgetOldest() }
        // Commands that are answered at once must not displace one that has been waiting for long.
        if order.count - oldest > 4 * Self.maximumPending {
            order = order[oldest...].filter { pending[$0.command] == $0.time }
            oldest = 0
        }
    }

    /// - Returns: how long it took, in nanoseconds; nil if no command waits for it, such as for a second ack.
    package mutating func answered(commandID: UnsafeRawBufferPointer, at time: UInt64) -> UInt64? {
        answered(hash.of(commandID), at: time)
    }

    /// The same by the hash of the command.
    package mutating func answered(_ command: UInt64, at time: UInt64) -> UInt64? {
        guard let sent = pending.removeValue(forKey: command) else { return nil }
        return time > sent ? time - sent : 0
    }

    /// - Returns: the number of commands that have waited longer than a node does.
    package mutating func expire(at time: UInt64) -> Int {
        var missing = 0
        while oldest < order.count, time > order[oldest].time, time - order[oldest].time > Self.timeout {
            if forgetOldest() { missing += 1 }
        }
        return missing
    }

    /// Envelopes were missed, which may have contained acks.
    package mutating func forget() {
        pending.removeAll(keepingCapacity: true)
        order.removeAll(keepingCapacity: true)
        oldest = 0
    }

    /// - Returns: whether it was still waiting.
    @discardableResult
    private mutating func forgetOldest() -> Bool {
        let sent = order[oldest]
        oldest += 1
        if oldest > Self.maximumPending {
            order.removeFirst(oldest)
            oldest = 0
        }
        guard pending[sent.command] == sent.time else { return false }
        pending[sent.command] = nil
        return true
    }
}
