import DequeModule
import NIOCore

/// Schedules when each client is asked to reconnect after a gap: spread over a period, so that the other nodes are not
/// overloaded. No I/O.
struct GapClosings {
    private var due: Deque<(token: String, time: NIODeadline)> = []

    var count: Int { due.count }

    /// After a second gap, clients that are still waiting keep their time.
    mutating func add(_ tokens: some Collection<String>, at now: NIODeadline, over span: TimeAmount) {
        let waiting = Set(due.map(\.token))
        let added = tokens.filter { !waiting.contains($0) }
        for (index, token) in added.enumerated() {
            let share = span.nanoseconds / Int64(added.count) * Int64(index + 1)
            due.append((token, now + .nanoseconds(share)))
        }
        if !waiting.isEmpty { due = Deque(due.sorted { $0.time < $1.time }) }
    }

    /// - Returns: the clients that are due.
    mutating func take(at now: NIODeadline) -> [String] {
        var tokens: [String] = []
        while let next = due.first, next.time <= now {
            due.removeFirst()
            tokens.append(next.token)
        }
        return tokens
    }
}
