/// Gathers the clients that were not served in full, so that a node that comes back to a hundred of them logs one line.
struct ResumeReport {
    struct Line: Equatable {
        let clients: Int
        let lowestCursor: UInt64
        let highestCursor: UInt64
    }

    /// A line is due when none has come for this many ticks, or after ``longestWait`` of them.
    private static let quiet = 2
    private static let longestWait = 10

    private var clients = 0
    private var lowest = UInt64.max
    private var highest: UInt64 = 0
    private var ticksSinceFirst = 0
    private var ticksSinceLast = 0

    mutating func add(_ cursor: UInt64) {
        clients += 1
        lowest = min(lowest, cursor)
        highest = max(highest, cursor)
        ticksSinceLast = 0
    }

    /// To be called every second.
    mutating func tick() -> Line? {
        guard clients > 0 else { return nil }
        ticksSinceFirst += 1
        ticksSinceLast += 1
        return ticksSinceLast >= Self.quiet || ticksSinceFirst >= Self.longestWait ? take() : nil
    }

    /// What is gathered, at once.
    mutating func take() -> Line? {
        guard clients > 0 else { return nil }
        defer { self = ResumeReport() }
        return Line(clients: clients, lowestCursor: lowest, highestCursor: highest)
    }
}
