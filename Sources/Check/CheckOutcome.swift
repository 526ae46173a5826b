import Histogram
package import Loopback
package import SignalRClient

/// What a check found.
package struct CheckOutcome: Sendable, Encodable {
    package let verdict: CheckVerdict
    /// `node 1 http://127.0.0.1:40001/signalr`
    package let nodes: [String]
    /// `node 1/webSockets`
    package let clients: [String]
    /// One for each step that was tried, in their order.
    package let rows: [CheckRow]
    /// Empty unless messages are missing.
    package let losses: [CheckLoss]
    /// What is wrong besides losses, in words: duplicates, wrong order, wrong results.
    package let faults: [String]
    /// What was worth a second try, in words.
    package let notes: [String]
    /// Where the counter went back while the check ran.
    package let counterResets: [CounterReset]
    /// From a send to each of its receipts; nil if nothing was received.
    package let latency: LatencySummary?
    /// From the first connection to the last answer.
    package let durationSeconds: Double
}

/// One line of the table.
package struct CheckRow: Sendable, Encodable, Equatable {
    package let check: CheckStep
    /// Over what: `6 clients on 2 nodes`.
    package let over: String
    /// Deliveries, or answers, that were due.
    package let expected: Int
    /// Those that came.
    package let received: Int
    /// `ok`, or what is wrong, in a few words.
    package let result: String
    package let verdict: CheckVerdict
}

/// What a check comes to.
package enum CheckVerdict: String, Sendable, Encodable, CaseIterable {
    case pass
    /// Messages are missing, and each one is among those that its node reported as missed.
    case passWithLoss = "pass_with_loss"
    case fail

    /// As an operator reads it.
    package var title: String {
        switch self {
        case .pass: "PASS"
        case .passWithLoss: "PASS WITH LOSS"
        case .fail: "FAIL"
        }
    }
}

/// One message that one client did not get.
package struct CheckLoss: Sendable, Encodable, Equatable, CustomStringConvertible {
    package let check: CheckStep
    /// The number of the message within this check; it stands in its text.
    package let message: Int
    /// What the node would have called, such as `broadcastMessage`.
    package let method: String
    /// The id of its envelope; nil if nobody saw it.
    package let envelope: UInt64?
    /// The lowest id that it cannot be above, from the cursors of those who got it; where ``envelope`` is nil.
    package let envelopeAtMost: UInt64?
    /// `node 2/webSockets`
    package let client: String
    package let transport: ClientTransport
    package let node: String
    /// Whether the node tells the check what it misses; one of another process does not.
    package let nodeTells: Bool
    /// The ids that the node says it never saw, this one among them; nil if it says no such thing.
    package let missedFrom: UInt64?
    package let missedTo: UInt64?

    /// What the counter did meanwhile, in words; nil if it only rose.
    package let counter: String?

    /// Whether its node says that it missed it: a loss of the backplane, not of the node.
    package var isExplained: Bool { missedFrom != nil }

    package var description: String {
        let which: String
        if let envelope {
            which = "envelope \(envelope)"
        } else if let envelopeAtMost {
            which = "envelope \(envelopeAtMost) or one shortly before"
        } else {
            which = "of unknown envelope"
        }
        let why: String
        if let missedFrom, let missedTo {
            why =
                missedFrom == missedTo
                ? "\(node) was deaf for id \(missedFrom)" : "\(node) was deaf for ids \(missedFrom)..\(missedTo)"
        } else {
            why =
                counter
                ?? (nodeTells
                    ? "\(node) did not report it as missed"
                    : "look into the log of \(node) for a lost connection to Redis")
        }
        return "\(check.title): message \(message) (\(method), \(which)) did not reach \(client): \(why)"
    }
}

/// How long deliveries took, from the call of the sender to the arrival at a receiver.
package struct LatencySummary: Sendable, Encodable {
    /// How many were measured.
    package let deliveries: Int
    package let p50Seconds: Double
    package let p99Seconds: Double
    package let maxSeconds: Double
    /// Each value that occurred, to three digits, and how often.
    package let values: [(seconds: Double, count: Int)]

    private enum CodingKeys: CodingKey {
        case deliveries, p50Seconds, p99Seconds, maxSeconds
    }

    /// - Returns: nil if nothing was recorded.
    init?(nanoseconds histogram: Histogram<UInt64>) {
        guard histogram.totalCount > 0 else { return nil }
        deliveries = Int(histogram.totalCount)
        p50Seconds = Double(histogram.valueAtPercentile(50)) * 1e-9
        p99Seconds = Double(histogram.valueAtPercentile(99)) * 1e-9
        maxSeconds = Double(histogram.maxRecorded) * 1e-9
        values = histogram.recordedValues().map { (Double($0.value) * 1e-9, Int($0.count)) }
    }
}
