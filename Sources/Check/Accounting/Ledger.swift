import Loopback

/// Tracks which deliveries are expected and which arrived. No I/O, no clock.
///
/// Messages are numbered in the order of entry; clients and nodes have indexes.
struct Ledger: Sendable {
    struct Entry: Equatable, Sendable {
        let step: CheckStep
        /// The client method that the node calls.
        let method: String
        let sender: Int
        let recipients: Set<Int>
        /// When it was sent, in nanoseconds; nil if its latency is not measured.
        let sentAt: UInt64?
        /// Whether it must arrive; false if its sender got an error.
        var isDue = true
        var envelope: UInt64?
        /// Whether it was seen on the backplane.
        var isPublished = false
        /// When the sender called its node, and when the node answered, in nanoseconds; nil before that. The message
        /// was published in between.
        var calledAt: UInt64?
        var answeredAt: UInt64?
    }

    struct Arrival: Equatable, Sendable {
        let message: Int
        let isIntact: Bool
        /// Upper bound for the id of its envelope.
        let envelopeAtMost: UInt64?
        /// When, in nanoseconds; nil if unknown.
        var at: UInt64?
    }

    /// A message that came through Redis and reached a client: when it was called, and when it arrived.
    struct Receipt: Equatable, Sendable {
        let calledAt: UInt64
        let at: UInt64
    }

    /// The node of a client, from a message on.
    private struct Stay: Sendable {
        let from: Int
        let node: Int
    }

    private(set) var entries: [Entry] = []
    /// By client, in order.
    private(set) var arrivals: [[Arrival]]
    private var stays: [[Stay]]

    /// - Parameter homes: the node of each client.
    init(homes: [Int]) {
        arrivals = homes.map { _ in [] }
        stays = homes.map { [Stay(from: 0, node: $0)] }
    }

    // MARK: - Events

    /// - Returns: the message's number.
    mutating func enter(_ entry: Entry) -> Int {
        entries.append(entry)
        return entries.count - 1
    }

    /// Its sender got an error: it need not arrive.
    mutating func release(_ message: Int) {
        entries[message].isDue = false
    }

    mutating func answered(_ message: Int, at time: UInt64) {
        entries[message].answeredAt = time
    }

    /// - Parameter envelope: nil on a backplane without ids.
    mutating func published(_ message: Int, envelope: UInt64?) {
        guard entries.indices.contains(message) else { return }
        entries[message].isPublished = true
        entries[message].envelope = envelope
    }

    /// Later messages reach the client through another node.
    mutating func moved(client: Int, to node: Int) {
        stays[client].append(Stay(from: entries.count, node: node))
    }

    /// - Returns: the entry; nil for an unknown number.
    mutating func arrived(_ arrival: Arrival, client: Int) -> Entry? {
        guard entries.indices.contains(arrival.message) else { return nil }
        arrivals[client].append(arrival)
        return entries[arrival.message]
    }

    // MARK: - Results

    func node(of client: Int, for message: Int) -> Int {
        stays[client].last { $0.from <= message }?.node ?? 0
    }

    /// Expected deliveries of a step, and how many of them arrived.
    func tally(_ step: CheckStep) -> (expected: Int, received: Int) {
        var expected = 0
        var received = 0
        let counts = counts()
        for (message, entry) in entries.enumerated() where entry.step == step && entry.isDue {
            expected += entry.recipients.count
            received += entry.recipients.count { counts[$0][message] != nil }
        }
        return (expected, received)
    }

    /// What the clients of a node received through Redis.
    func receipts(of node: Int) -> [Receipt] {
        arrivals.enumerated().flatMap { client, arrivals in
            arrivals.compactMap { arrival -> Receipt? in
                let entry = entries[arrival.message]
                // A message to one connection of the sender's own node does not pass through Redis.
                guard entry.step != .connection, let calledAt = entry.calledAt, let at = arrival.at,
                    self.node(of: client, for: arrival.message) == node
                else { return nil }
                return Receipt(calledAt: calledAt, at: at)
            }
        }
    }

    /// Upper bound for the id of a message's envelope.
    func envelopeAtMost(_ message: Int) -> UInt64? {
        arrivals.joined().filter { $0.message == message }.compactMap(\.envelopeAtMost).min()
    }

    /// - Parameters:
    ///   - missed: ids that each node reports as missed.
    ///   - idsAscend: false if the counter was set back meanwhile, so that ids do not imply an order.
    func findings(missed: [MissedIDs], idsAscend: Bool) -> [Finding] {
        var findings: [Finding] = []
        let counts = counts()
        for (message, entry) in entries.enumerated() {
            for client in arrivals.indices {
                let times = counts[client][message] ?? 0
                if entry.recipients.contains(client) {
                    if times == 0, entry.isDue { findings.append(lost(message, entry, client: client, missed: missed)) }
                    if times > 1 { findings.append(.duplicate(message: message, client: client, times: times)) }
                } else if times > 0 {
                    findings.append(.leaked(message: message, client: client))
                }
            }
        }
        for client in arrivals.indices {
            findings += arrivals[client].filter { !$0.isIntact }.map { .altered(message: $0.message, client: client) }
            findings += disorder(of: client, idsAscend: idsAscend)
        }
        return findings
    }

    /// By client: how often each message arrived.
    private func counts() -> [[Int: Int]] {
        arrivals.map { arrivals in
            arrivals.reduce(into: [:]) { $0[$1.message, default: 0] += 1 }
        }
    }

    private func lost(_ message: Int, _ entry: Entry, client: Int, missed: [MissedIDs]) -> Finding {
        let node = node(of: client, for: message)
        let range = entry.envelope.flatMap { missed.indices.contains(node) ? missed[node].range(around: $0) : nil }
        return .lost(message: message, client: client, node: node, missed: range)
    }

    /// Messages arrive in the order of ids. If an id is unknown, the order of each sender's messages still applies.
    private func disorder(of client: Int, idsAscend: Bool) -> [Finding] {
        var findings: [Finding] = []
        var seen: Set<Int> = []
        var highestID: (id: UInt64, message: Int)?
        var lastOfSender: [Line: Int] = [:]
        for arrival in arrivals[client] where seen.insert(arrival.message).inserted {
            let message = arrival.message
            let entry = entries[message]
            let line = Line(sender: entry.sender, isDirect: entry.step == .connection)
            let last = lastOfSender[line]
            if let id = entry.envelope, let highest = highestID, idsAscend, id < highest.id {
                findings.append(.outOfOrder(message: message, after: highest.message, client: client))
            } else if let last, last > message {
                findings.append(.outOfOrder(message: message, after: last, client: client))
            }
            if let id = entry.envelope, id >= highestID?.id ?? 0 { highestID = (id, message) }
            lastOfSender[line] = max(message, last ?? 0)
        }
        return findings
    }
}

/// A path on which a sender's messages keep their order. A message to one connection of the sender's own node does not
/// pass through Redis, so it can overtake others.
private struct Line: Hashable {
    let sender: Int
    let isDirect: Bool
}

/// A problem.
enum Finding: Equatable, Sendable {
    /// - Parameter node: index of the node that should have delivered it.
    case lost(message: Int, client: Int, node: Int, missed: ClosedRange<UInt64>?)
    case duplicate(message: Int, client: Int, times: Int)
    /// It was not meant for this client.
    case leaked(message: Int, client: Int)
    /// It arrived after `after`, which was sent later.
    case outOfOrder(message: Int, after: Int, client: Int)
    /// Its text or method differs from what was sent.
    case altered(message: Int, client: Int)
}
