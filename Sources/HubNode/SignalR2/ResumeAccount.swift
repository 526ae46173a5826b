import Logging
import Prometheus

/// Reconnecting clients whose missed messages this node may not have completely: evaluates them, counts incomplete
/// resumes, and collects them for the log.
struct ResumeAccount {
    private let metrics: HubMetrics
    private let logger: Logger
    private var ledger = ResumeLedger()
    private var report = ResumeReport()
    /// Whether the counter was requested from the bus and is pending.
    private var isCounterAsked = false

    init(metrics: HubMetrics, logger: Logger) {
        self.metrics = metrics
        self.logger = logger
    }

    /// A client reconnected.
    ///
    /// - Returns: true if the counter must be requested.
    mutating func judge(_ cursor: UInt64, oldestStored: UInt64?) -> Bool {
        switch ledger.verdict(of: cursor, oldestStored: oldestStored) {
        case .complete: return false
        case .incomplete:
            note(cursor)
            return false
        case .unknown:
            ledger.wait(cursor)
            defer { isCounterAsked = true }
            return !isCounterAsked
        }
    }

    // MARK: - From the backplane

    /// - Parameters:
    ///   - counter: nil if it cannot be read.
    ///   - wasAsked: false if it belongs to the opening of the connection.
    mutating func counter(_ counter: UInt64?, wasAsked: Bool, oldestStored: UInt64?) {
        if !wasAsked { ledger.opened(counter: counter) }
        settle(counter: counter, oldestStored: oldestStored)
    }

    mutating func heard(_ id: UInt64, oldestStored: UInt64?) {
        let isFirst = ledger.heldAfter == nil
        ledger.heard(id)
        if isFirst { settle(counter: nil, oldestStored: oldestStored) }
    }

    mutating func missed(through id: UInt64) { ledger.missed(through: id) }

    mutating func reset(to id: UInt64) { ledger.reset(to: id) }

    // MARK: - For the log

    /// Call every second.
    mutating func tick() { if let line = report.tick() { log(line) } }

    /// Logs what was collected, immediately.
    mutating func shutDown() { if let line = report.take() { log(line) } }

    // MARK: - Private

    private mutating func settle(counter: UInt64?, oldestStored: UInt64?) {
        isCounterAsked = false
        for cursor in ledger.settle(counter: counter, oldestStored: oldestStored) { note(cursor) }
    }

    private mutating func note(_ cursor: UInt64) {
        metrics.incompleteResumes.increment()
        report.add(cursor)
    }

    private func log(_ line: ResumeReport.Line) {
        logger.warning(
            "clients reconnected for envelopes that this node does not have: they may have missed messages",
            metadata: [
                "clients": "\(line.clients)", "lowest_cursor": "\(line.lowestCursor)",
                "highest_cursor": "\(line.highestCursor)", "held_after": "\(ledger.heldAfter.map(String.init) ?? "-")",
            ])
    }
}

/// Collects clients with incomplete resumes, so that a node logs one line for a hundred of them.
struct ResumeReport {
    struct Line: Equatable {
        let clients: Int
        let lowestCursor: UInt64
        let highestCursor: UInt64
    }

    /// A line is due after this many ticks without a new client, or after ``longestWait`` ticks.
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

    /// Call every second.
    mutating func tick() -> Line? {
        guard clients > 0 else { return nil }
        ticksSinceFirst += 1
        ticksSinceLast += 1
        return ticksSinceLast >= Self.quiet || ticksSinceFirst >= Self.longestWait ? take() : nil
    }

    /// What was collected so far.
    mutating func take() -> Line? {
        guard clients > 0 else { return nil }
        defer { self = ResumeReport() }
        return Line(clients: clients, lowestCursor: lowest, highestCursor: highest)
    }
}
