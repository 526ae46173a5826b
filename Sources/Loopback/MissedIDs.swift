/// The ids that a node missed.
package struct MissedIDs: Equatable, Sendable {
    /// Ascending and disjoint.
    package private(set) var ranges: [ClosedRange<UInt64>] = []

    package mutating func insert(_ range: ClosedRange<UInt64>) {
        var merged = range
        var others: [ClosedRange<UInt64>] = []
        for other in ranges {
            let touches =
                other.overlaps(merged) || (other.upperBound < .max && other.upperBound + 1 == merged.lowerBound)
                || (merged.upperBound < .max && merged.upperBound + 1 == other.lowerBound)
            if touches {
                merged = min(merged.lowerBound, other.lowerBound)...max(merged.upperBound, other.upperBound)
            } else {
                others.append(other)
            }
        }
        others.append(merged)
        ranges = others.sorted { $0.lowerBound < $1.lowerBound }
    }

    /// The range that contains this id; nil if the node received it.
    package func range(around id: UInt64) -> ClosedRange<UInt64>? {
        ranges.first { $0.contains(id) }
    }
}
