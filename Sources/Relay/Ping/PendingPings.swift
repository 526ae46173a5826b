/// Pings waiting for their acks. Decision logic without I/O; times are nanoseconds on the monotonic clock.
struct PendingPings: Sendable {
    /// Maximum number of waiting pings. Unexpected acks are not stored, so this limits the memory.
    static let limit = 10_000

    private var sentAt: [Int32: UInt64] = [:]
    private var lastID: Int32 = 0

    /// Whether another ping may be sent.
    var hasRoom: Bool { sentAt.count < Self.limit }

    /// - Returns: the id of the new ping, from 1 up.
    mutating func begin(at now: UInt64) -> Int32 {
        repeat { lastID = lastID == .max ? 1 : lastID + 1 } while sentAt[lastID] != nil
        sentAt[lastID] = now
        return lastID
    }

    /// - Returns: nanoseconds from the ping to its ack; nil if no ping is waiting: the ack is a duplicate, or late.
    mutating func answered(_ id: Int32, at now: UInt64) -> UInt64? {
        sentAt.removeValue(forKey: id).map { now > $0 ? now - $0 : 0 }
    }

    /// Stops waiting for an ack.
    mutating func forget(_ id: Int32) { sentAt[id] = nil }
}
