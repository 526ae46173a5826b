import Histogram
package import Loopback
package import SignalRClient

/// The result of a check.
package struct CheckOutcome: Sendable, Encodable {
    /// The worst of the rows and faults.
    package let verdict: CheckVerdict
    /// `node 1 http://127.0.0.1:40001/signalr`
    package let nodes: [String]
    /// `node 1/webSockets`
    package let clients: [String]
    /// One per attempted step, in order.
    package let rows: [CheckRow]
    /// Empty unless messages are missing.
    package let losses: [CheckLoss]
    /// Problems other than losses, as sentences: duplicates, wrong order, wrong results.
    package let faults: [String]
    /// Retries, as sentences.
    package let notes: [String]
    /// Counter resets during the check.
    package let counterResets: [CounterReset]
    /// From a send to each receipt; nil if nothing was received.
    package let latency: LatencySummary?
    /// From the first connection to the last response.
    package let durationSeconds: Double
}

/// One line of the table.
package struct CheckRow: Sendable, Encodable, Equatable {
    /// The step that this line counts.
    package let check: CheckStep
    /// The scope: `6 clients on 2 nodes`.
    package let over: String
    /// Expected deliveries or answers.
    package let expected: Int
    /// How many of them arrived.
    package let received: Int
    /// `ok`, or the problem in a few words.
    package let result: String
    /// The verdict of this step alone.
    package let verdict: CheckVerdict
}

/// The verdict of a check.
package enum CheckVerdict: String, Sendable, Encodable, CaseIterable {
    case pass
    /// Messages are missing, and their nodes reported all of them as missed.
    case passWithLoss = "pass_with_loss"
    case fail

    /// Display text.
    package var title: String {
        switch self {
        case .pass: "PASS"
        case .passWithLoss: "PASS WITH LOSS"
        case .fail: "FAIL"
        }
    }
}

/// A message that a client did not receive.
package struct CheckLoss: Sendable, Encodable, Equatable, CustomStringConvertible {
    /// The step that sent it.
    package let check: CheckStep
    /// The number of the message within this check, contained in its text.
    package let message: Int
    /// The client method, such as `broadcastMessage`.
    package let method: String
    /// The id of its envelope; nil if unknown.
    package let envelope: UInt64?
    /// If ``envelope`` is nil: an upper bound, from the cursors of clients that received it.
    package let envelopeAtMost: UInt64?
    /// `node 2/webSockets`
    package let client: String
    /// The transport of that client.
    package let transport: ClientTransport
    /// The node of that client: `node 2`.
    package let node: String
    /// Whether the node reports missed ids to the check; nodes of other processes do not.
    package let nodeTells: Bool
    /// The range of ids that the node reports as missed, including this one; nil if it does not.
    package let missedFrom: UInt64?
    /// The end of that range, included; nil if ``missedFrom`` is.
    package let missedTo: UInt64?

    /// What happened to the counter, as a sentence; nil if it only rose.
    package let counter: String?
    /// What the node reports about itself at the time when the message was sent; nil if nothing. Only for ASP.NET Core
    /// SignalR, whose messages have no ids.
    package var gap: String?
    /// False on a backplane without ids.
    package var hasID = true

    private enum CodingKeys: CodingKey {
        case check, message, method, envelope, envelopeAtMost, client, transport, node, nodeTells, missedFrom, missedTo,
            counter, gap
    }

    /// Whether its node reported it as missed: a loss of the backplane, not of the node.
    package var isExplained: Bool { missedFrom != nil || gap != nil }

    package var description: String { LossLine(self).description }

    /// Its id, after a comma; empty on a backplane without ids.
    var identity: String {
        if !hasID { return "" }
        if let envelope { return ", envelope \(envelope)" }
        if let envelopeAtMost { return ", envelope \(envelopeAtMost) or one shortly before" }
        return ", envelope unknown"
    }

    /// Why it was lost, or where to look, as a sentence.
    var cause: String {
        if let missedFrom, let missedTo {
            return missedFrom == missedTo
                ? "\(node) was deaf for id \(missedFrom)" : "\(node) was deaf for ids \(missedFrom)..\(missedTo)"
        }
        if let gap { return "\(node) \(gap)" }
        return counter
            ?? (nodeTells
                ? "\(node) did not report it as missed" : "look for a lost connection to Redis in the log of \(node)")
    }
}

/// Delivery times, from the sender's call to the arrival at a receiver.
package struct LatencySummary: Sendable, Encodable {
    /// Number of measurements.
    package let deliveries: Int
    /// The median.
    package let p50Seconds: Double
    /// 1 % took longer.
    package let p99Seconds: Double
    /// The longest.
    package let maxSeconds: Double
    /// Each measured value, to three digits, and its frequency.
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
