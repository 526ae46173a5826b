package import Loopback
/// What a check found.
package struct CheckOutcome: Sendable, Encodable {
    package let verdict: CheckVerdict
    /// `node 1 http://127.0.0.1:40001/signalr`
    package let nodes: [String]
    package let clients: [String]
    package let rows: [CheckRow]
    package let losses: [CheckLoss]
    /// What is wrong besides losses, in words: duplicates, wrong order, wrong results.
    package let faults: [String]
    /// What was worth a second try, in words.
    package let notes: [String]
    /// Where the counter went back while the check ran.
    package let counterResets: [CounterReset]
    /// From a send to each of its receipts; nil if nothing was received.
    package let latency: LatencySummary?
    package let durationSeconds: Double
}
