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
