/// One line of the table.
public struct CheckRow: Sendable, Encodable, Equatable {
    public let check: CheckStep
    /// Over what: `6 clients on 2 nodes`.
    public let over: String
    /// Deliveries, or answers, that were due.
    public let expected: Int
    /// Those that came.
    public let received: Int
    /// `ok`, or what is wrong, in a few words.
    public let result: String
    public let verdict: CheckVerdict
}
