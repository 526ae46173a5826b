/// Pings that wait for their acks. Decision logic without I/O; times are nanoseconds on the monotonic clock.
struct PendingPings: Sendable {
    /// Acks that no ping waits for are remembered by nobody, so this bounds the memory.
    static let limit = 10_000

    private var sentAt: [Int32: UInt64] = [:]
    private var lastID: Int32 = 0

    /// Whether one more may be sent.
    var hasRoom: Bool { sentAt.count < Self.limit }

    /// - Returns: the id of the new ping, from 1 up.
    mutating func begin(at now: UInt64) -> Int32 {
        repeat { lastID = lastID == .max ? 1 : lastID + 1 } while sentAt[lastID] != nil
        sentAt[lastID] = now
        return lastID
    }

    /// - Returns: nanoseconds from the ping to its ack; nil if no ping waits for it, because the ack came twice or too late.
    mutating func answered(_ id: Int32, at now: UInt64) -> UInt64? {
        sentAt.removeValue(forKey: id).map { now > $0 ? now - $0 : 0 }
    }

    /// It is no longer waited for.
    mutating func forget(_ id: Int32) { sentAt[id] = nil }
}
