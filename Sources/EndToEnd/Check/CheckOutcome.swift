/// What a check found.
public struct CheckOutcome: Sendable, Encodable {
    public let verdict: CheckVerdict
    /// `node 1 http://127.0.0.1:40001/signalr`
    public let nodes: [String]
    public let clients: [String]
    public let rows: [CheckRow]
    public let losses: [CheckLoss]
    /// What is wrong besides losses, in words: duplicates, wrong order, wrong results.
    public let faults: [String]
    /// What was worth a second try, in words.
    public let notes: [String]
    /// Where the counter went back while the check ran.
    public let counterResets: [CounterReset]
    /// From a send to each of its receipts; nil if nothing was received.
    public let latency: LatencySummary?
    public let durationSeconds: Double
}
