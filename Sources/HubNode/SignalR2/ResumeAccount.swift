import Logging
import Prometheus

/// Clients that come back for what they missed, of which this node may not hold all: judges them, counts those that are
/// not served in full, and gathers them for the log.
struct ResumeAccount {
    private let metrics: HubMetrics
    private let logger: Logger
    private var ledger = ResumeLedger()
    private var report = ResumeReport()
    /// Whether the bus was asked for the counter and has not answered.
    private var isCounterAsked = false

    init(metrics: HubMetrics, logger: Logger) {
        self.metrics = metrics
        self.logger = logger
    }

    /// A client came back.
    ///
    /// - Returns: true if the counter must be asked for.
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
    ///   - counter: nil where it cannot be read.
    ///   - wasAsked: false if the connection was opened with it.
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

    /// To be called every second.
    mutating func tick() { if let line = report.tick() { log(line) } }

    /// Says what is gathered, at once.
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
