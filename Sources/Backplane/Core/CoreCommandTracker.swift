/// Follows group commands and their acks of one hub: which commands nobody has answered within 30 s, after which the node
/// that asked gives up, and which acks answer nothing.
///
/// Decision logic without I/O; time comes in, in nanoseconds. What it remembers is bounded.
package struct CoreCommandTracker: Sendable {
    /// How long a node waits.
    package static let patience: UInt64 = 30_000_000_000
    /// Commands that are remembered.
    static let limit = 100_000

    private struct Key: Hashable {
        let server: [UInt8]
        let id: Int32
    }

    /// Commands that wait, and when each came.
    private var pending: [Key: UInt64] = [:]
    /// The same in the order of time; those before `head` are done with.
    private var order: [(key: Key, time: UInt64)] = []
    private var head = 0
    /// Commands whose time is over: an ack that still comes answers one of them.
    private var overdue: Set<Key> = []

    /// Group commands that were seen.
    package private(set) var commands = 0
    /// Acks that were seen.
    package private(set) var acks = 0
    /// Commands without an ack within 30 s.
    package private(set) var unanswered = 0
    /// Acks to which no command was seen.
    package private(set) var acksWithoutCommand = 0
    /// Commands that could not be followed, because too many wait.
    package private(set) var unfollowed = 0

    package init() {}

    /// Commands that wait and may still be answered in time.
    package var waiting: Int { pending.count }

    /// - Parameter server: who asks.
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
            // Of those that were not followed nobody knows.
            if overdue.remove(key) == nil, unfollowed == 0 { acksWithoutCommand += 1 }
            return nil
        }
        return time > asked ? time - asked : 0
    }

    /// Time went on.
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
