/// Matches group commands and acks of one hub: finds commands without an ack within 30 s, after which the sender gives
/// up, and acks without a command.
///
/// Decision logic without I/O; time is passed in, in nanoseconds. Memory is bounded.
package struct CoreCommandTracker: Sendable {
    /// How long a node waits for an ack.
    package static let patience: UInt64 = 30_000_000_000
    /// Maximum number of tracked commands.
    static let limit = 100_000

    private struct Key: Hashable {
        let server: [UInt8]
        let id: Int32
    }

    /// Commands waiting for an ack, by time of arrival.
    private var pending: [Key: UInt64] = [:]
    /// The same in order of time; entries before `head` are finished.
    private var order: [(key: Key, time: UInt64)] = []
    private var head = 0
    /// Timed-out commands: a late ack belongs to one of them.
    private var overdue: Set<Key> = []

    /// Group commands seen.
    package private(set) var commands = 0
    /// Acks seen.
    package private(set) var acks = 0
    /// Commands without an ack within 30 s.
    package private(set) var unanswered = 0
    /// Acks without a known command.
    package private(set) var acksWithoutCommand = 0
    /// Commands that were not tracked because too many were waiting.
    package private(set) var unfollowed = 0

    /// Nothing seen yet.
    package init() {}

    /// Commands still waiting within their time.
    package var waiting: Int { pending.count }

    /// - Parameter server: the sender.
    package mutating func command(server: UnsafeRawBufferPointer, id: Int32, at time: UInt64) {
        advance(to: time)
        commands += 1
        guard pending.count < Self.limit else {
            unfollowed += 1
            return
        }
        let key = Key(server: Array(server), id: id)
        pending[key] = time
        order.append((key, time))
    }

    /// - Returns: nanoseconds from the command to this ack; nil if no command waits for it.
    package mutating func ack(server: UnsafeRawBufferPointer, id: Int32, at time: UInt64) -> UInt64? {
        advance(to: time)
        acks += 1
        let key = Key(server: Array(server), id: id)
        guard let asked = pending.removeValue(forKey: key) else {
            // It may belong to an untracked command.
            if overdue.remove(key) == nil, unfollowed == 0 { acksWithoutCommand += 1 }
            return nil
        }
        return time > asked ? time - asked : 0
    }

    /// Advances the time.
    package mutating func advance(to time: UInt64) {
        while head < order.count {
            let (key, asked) = order[head]
            if pending[key] == asked {
                guard time > asked, time - asked > Self.patience else { break }
                pending[key] = nil
                unanswered += 1
                if overdue.count < Self.limit { overdue.insert(key) }
            }
            head += 1
        }
        if head > 1_024, head > order.count / 2 {
            order.removeFirst(head)
            head = 0
        }
    }
}
