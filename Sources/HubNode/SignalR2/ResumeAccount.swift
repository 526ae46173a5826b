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
    mutating func add(_ cursor: UInt64, oldestStored: UInt64?) -> Bool {
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

/// Determines whether a reconnecting client gets everything it missed: decision logic without I/O.
///
/// A node has what it received since it subscribed, up to the limit of its store. It lacks what was published earlier
/// or while it was disconnected; only the counter shows whether there was anything.
struct ResumeLedger {
    enum Verdict: Equatable {
        case complete
        /// Envelopes after the cursor are not available, or the cursor is beyond the counter, which was set back.
        case incomplete
        /// The counter must be read first.
        case unknown
    }

    /// Maximum number of cursors waiting for the counter; further ones are not counted.
    static let maximumWaiting = 100_000

    /// Everything after this id was received; nil until the counter or an envelope shows it.
    private(set) var heldAfter: UInt64?
    /// The last received envelope.
    private var newest: UInt64?
    /// The value of ``heldAfter`` before the connection was lost, until the first envelope afterwards.
    private var heldBefore: UInt64?
    private var waiting: [UInt64] = []

    /// - Parameters:
    ///   - cursor: the client's last envelope.
    ///   - oldestStored: the first one in the store.
    func verdict(of cursor: UInt64, oldestStored: UInt64?) -> Verdict {
        guard let heldAfter else { return .unknown }
        if cursor > max(heldAfter, newest ?? 0) { return .unknown }
        let forgotten = oldestStored.map { $0 > 0 ? $0 - 1 : 0 } ?? 0
        return cursor >= max(heldAfter, forgotten) ? .complete : .incomplete
    }

    /// Keeps an undecided cursor.
    mutating func wait(_ cursor: UInt64) {
        if waiting.count < Self.maximumWaiting { waiting.append(cursor) }
    }

    /// Decides waiting cursors.
    ///
    /// - Parameter counter: nil if it cannot be read.
    /// - Returns: those with incomplete resumes.
    mutating func settle(counter: UInt64?, oldestStored: UInt64?) -> [UInt64] {
        var incomplete: [UInt64] = []
        var still: [UInt64] = []
        for cursor in waiting {
            switch verdict(of: cursor, oldestStored: oldestStored) {
            case .complete: break
            case .incomplete: incomplete.append(cursor)
            case .unknown:
                if let counter {
                    // Up to the counter, but not received here yet.
                    if cursor > counter { incomplete.append(cursor) }
                } else if heldAfter == nil {
                    still.append(cursor)
                }
            }
        }
        waiting = still
        return incomplete
    }

    /// The connection is open, and the counter was at this id: everything after it is received.
    mutating func opened(counter: UInt64?) {
        guard let counter else { return }
        if let newest, counter <= newest { return }
        heldBefore = heldAfter
        heldAfter = counter
    }

    mutating func heard(_ id: UInt64) {
        defer { newest = id }
        guard let held = heldAfter else {
            heldAfter = id > 0 ? id - 1 : 0
            return
        }
        guard heldBefore != nil || id <= held else { return }
        if id <= held {
            // Published between the subscription and the reading of the counter.
            heldAfter = newest.map { $0 &+ 1 } == id ? heldBefore ?? id - 1 : id > 0 ? id - 1 : 0
        }
        heldBefore = nil
    }

    /// Ids up to this one were missed.
    mutating func missed(through id: UInt64) {
        heldAfter = id
        heldBefore = nil
    }

    /// The counter was set back: this id is the first of the new count.
    mutating func reset(to id: UInt64) {
        heldAfter = id > 0 ? id - 1 : 0
        heldBefore = nil
        newest = nil
    }
}
