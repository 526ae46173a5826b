/// Tells two counters that give ids on one event key from a counter that was set back once.
///
/// Pub/sub does not know databases: two applications with the same event key in two databases of one Redis hear each
/// other, each with a counter of its own. Then the ids jump to and fro, each time to where the other counter stood.
public struct CounterInterleaving: Sendable {
    /// How far a counter may have gone on while the other one was heard.
    private static let reach: UInt64 = 1_000

    /// Where the counter stood that was left by the last jump.
    private var other: UInt64?
    private var isAlternating = false

    public init() {}

    /// Takes note of what a ``SequenceTracker`` said of an id other than `inOrder`.
    ///
    /// - Returns: whether the id goes on with a counter that was left before, for the second time in a row or later: once
    ///   is what a node does that restores a counter.
    public mutating func jumps(_ observation: SequenceTracker.Observation, id: UInt64) -> Bool {
        let returns = other.map { id > $0 && id - $0 <= Self.reach } ?? false
        let left: UInt64
        switch observation {
        case .gap(let from, _): left = from - 1
        case .counterReset(let from, _): left = from
        case .late:
            // The lower counter counts through the gap up to the higher one.
            if isAlternating, returns { other = id }
            return isAlternating && returns
        case .first, .inOrder, .duplicate: return false
        }
        guard returns || left > id else {
            // A gap in the one counter that there is.
            return false
        }
        defer {
            other = left
            isAlternating = returns
        }
        return returns && isAlternating
    }
}
