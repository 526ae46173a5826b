import Backplane
import Relay
import SignalRClient

/// The result of a check by backplane pings.
package struct PingReport: Sendable, Encodable {
    /// `pass` if ``faults`` is empty, otherwise `fail`.
    package let verdict: CheckVerdict
    /// Channel prefix and type of the hub.
    package let hub: String
    /// The server of the backplane: `host:port`.
    package let redis: String
    /// One per node, in the order of their addresses; without addresses, one per connection.
    package let rows: [PingRow]
    /// Problems, as sentences.
    package let faults: [String]
    /// From the first connection to the last answer.
    package let durationSeconds: Double

    init(hub: CoreHub, redis: String, rows: [PingRow], duration: Duration) {
        self.hub = hub.topic
        self.redis = redis
        self.rows = rows
        var faults = rows.compactMap(\.fault)
        if faults.isEmpty, !rows.contains(where: { $0.answered > 0 }) {
            faults.append("no ping was answered: all chosen connections ended; run the check again")
        }
        self.faults = faults
        verdict = faults.isEmpty ? .pass : .fail
        durationSeconds = duration / .seconds(1)
    }
}

/// The pings to one connection.
package struct PingRow: Sendable, Encodable, Equatable {
    /// `node 1`; nil for a connection whose node is unknown.
    package let node: String?
    /// The hub at that node; nil for a connection whose node is unknown.
    package let url: String?
    /// Nil if no client could connect to the node.
    package let connection: String?
    /// How many were sent.
    package let pings: Int
    /// How many were acknowledged in time.
    package let answered: Int
    /// From the publication of a ping to the ack, in the order of the pings.
    package let roundTripSeconds: [Double]
    /// `ok`, or the problem in a few words.
    package let result: String
    /// `fail` if this row has a fault.
    package let verdict: CheckVerdict
    /// The problem as a sentence; nil if there is none.
    let fault: String?

    private enum CodingKeys: CodingKey {
        case node, url, connection, pings, answered, roundTripSeconds, result, verdict
    }

    /// The median; nil without an answer.
    package var medianSeconds: Double? {
        let sorted = roundTripSeconds.sorted()
        return sorted.isEmpty ? nil : sorted[sorted.count / 2]
    }

    /// The longest round trip; nil without an answer.
    package var longestSeconds: Double? { roundTripSeconds.max() }

    private init(_ subject: PingSubject, _ tally: PingTally, result: String, fault: String?) {
        node = subject.node
        url = subject.url
        connection = subject.connection
        pings = tally.sent
        answered = tally.roundTrips.count
        roundTripSeconds = tally.roundTrips.map { Double($0) * 1e-9 }
        self.result = result
        verdict = fault == nil ? .pass : .fail
        self.fault = fault.map { "\(subject.name): \($0)" }
    }

    /// A node that accepts no client.
    init(_ subject: PingSubject, unreachable error: SignalRClientError) {
        self.init(
            subject, PingTally(), result: "no client connected",
            fault: "no client could connect, so it was not pinged: \(error)")
    }

    /// - Parameters:
    ///   - lost: why the check's client lost its connection; nil if it did not.
    ///   - redis: the server that was asked.
    init(_ subject: PingSubject, _ tally: PingTally, lost: String?, redis: String) {
        let limit = "\(PingCheck.longestWait.components.seconds) s"
        let channel = "the channel of \(subject.node == nil ? "the" : "its client's") connection"
        if let lost {
            self.init(subject, tally, result: "connection lost", fault: "the client's connection was lost: \(lost)")
        } else if tally.timedOut > 0 {
            let many = "\(tally.timedOut) of \(tally.sent) pings had no answer within \(limit)"
            self.init(
                subject, tally, result: "\(tally.timedOut) without an answer",
                fault:
                    "\(many), though \(subject.node == nil ? "a node" : "it") is subscribed to \(channel): it hangs, or its connection to Redis does not work\(subject.node == nil ? "; look for the connection in the logs of the nodes" : "")"
            )
        } else if tally.gone > 0, subject.node != nil {
            self.init(
                subject, tally, result: tally.roundTrips.isEmpty ? "not subscribed" : "\(tally.gone) not subscribed",
                fault:
                    "\(tally.roundTrips.isEmpty ? "" : "for \(tally.gone) of \(tally.sent) pings ")no node was subscribed to \(channel) on \(redis): its connection to this Redis is lost, or it uses another Redis, hub type or channel prefix"
            )
        } else if tally.gone > 0 {
            self.init(subject, tally, result: "ended", fault: nil)
        } else {
            self.init(subject, tally, result: "ok", fault: nil)
        }
    }
}

/// What is pinged.
struct PingSubject: Equatable, Sendable {
    /// `node 1`; nil if it is unknown.
    var node: String?
    var url: String?
    var connection: String?

    /// For errors.
    var name: String {
        [node, url, node == nil ? "connection \(connection ?? "")" : nil].compactMap { $0 }.joined(separator: " ")
    }
}

/// The outcomes of the pings to one connection. No I/O.
struct PingTally: Equatable, Sendable {
    /// Nanoseconds, in the order of the pings.
    private(set) var roundTrips: [UInt64] = []
    /// Without an ack, though a node was subscribed to the connection's channel.
    private(set) var timedOut = 0
    /// Without an ack, and no node was subscribed to the connection's channel.
    private(set) var gone = 0
    /// How many were sent.
    private(set) var sent = 0

    init() {}

    /// No ping was sent, because no node was subscribed to the connection's channel.
    init(isGone: Bool) {
        gone = isGone ? 1 : 0
    }

    init(_ outcomes: [PingOutcome]) {
        for outcome in outcomes {
            switch outcome {
            case .answered(let nanoseconds): roundTrips.append(nanoseconds)
            case .timedOut: timedOut += 1
            case .gone: gone += 1
            case .notHeard, .notSent: continue
            }
            sent += 1
        }
    }
}
