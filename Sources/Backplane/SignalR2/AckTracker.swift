/// Pairs commands that wait for an ack with the acks that follow, and says which never came.
///
/// A node that adds a connection to a group publishes a command and waits up to 30 s for the owner's ack; then the
/// caller's task is cancelled. A value without I/O, bounded: of more than `maximumPending` commands under way the oldest
/// is forgotten.
package struct AckTracker: Sendable {
    /// What a real node waits, in nanoseconds.
    package static let timeout: UInt64 = 30_000_000_000
    package static let maximumPending = 4_096

    private struct Sent {
        let command: UInt64
        let time: UInt64
    }

    private let hash = ByteHash()
    /// When each command was sent that has no ack yet, by the hash of its id.
    private var pending: [UInt64: UInt64] = [:]
    /// In the order of sending; some may be answered already.
    private var order: [Sent] = []
    private var oldest = 0

    package init() {}

    /// - Parameter time: in nanoseconds, of any clock that goes on.
    package mutating func sent(commandID: UnsafeRawBufferPointer, at time: UInt64) {
        sent(hash.of(commandID), at: time)
    }

    /// - Parameters:
    ///   - command: a hash that no other command that waits has.
    ///   - time: as above.
    package mutating func sent(_ command: UInt64, at time: UInt64) {
        pending[command] = time
        order.append(Sent(command: command, time: time))
        if order.count - oldest > Self.maximumPending { forgetOldest() }
    }

    /// - Returns: how long it took, in nanoseconds; nil if nobody waits for it, such as for its second ack.
    package mutating func answered(commandID: UnsafeRawBufferPointer, at time: UInt64) -> UInt64? {
        answered(hash.of(commandID), at: time)
    }

    /// The same by the hash of the command.
    package mutating func answered(_ command: UInt64, at time: UInt64) -> UInt64? {
        guard let sent = pending.removeValue(forKey: command) else { return nil }
        return time > sent ? time - sent : 0
    }

    /// - Returns: how many commands have waited for longer than a node does.
    package mutating func expire(at time: UInt64) -> Int {
        var missing = 0
        while oldest < order.count, time > order[oldest].time, time - order[oldest].time > Self.timeout {
            if forgetOldest() { missing += 1 }
        }
        return missing
    }

    /// Something was not seen, so that an ack may have been in it.
    package mutating func forget() {
        pending.removeAll(keepingCapacity: true)
        order.removeAll(keepingCapacity: true)
        oldest = 0
    }

    /// - Returns: whether it still waited.
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
