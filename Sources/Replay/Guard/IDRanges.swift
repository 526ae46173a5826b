/// A set of ids as ranges: how many they are, though some are told more than once. Bounded: beyond the limit the nearest
/// ranges become one, which then counts what lies between.
struct IDRanges: Sendable, Equatable {
    static let limit = 1_000

    /// Ascending, and none touches another.
    private(set) var ranges: [ClosedRange<UInt64>] = []

    var count: UInt64 {
        ranges.reduce(0) { $0.addingSaturated(($1.upperBound - $1.lowerBound).addingSaturated(1)) }
    }

    mutating func insert(_ range: ClosedRange<UInt64>) {
        var range = range
        // Most come in ascending order: the search begins at the end.
        var start = ranges.endIndex
        while start > 0, ranges[start - 1].upperBound.addingSaturated(1) >= range.lowerBound { start -= 1 }
        var end = start
        while end < ranges.endIndex, ranges[end].lowerBound <= range.upperBound.addingSaturated(1) {
            range = min(range.lowerBound, ranges[end].lowerBound)...max(range.upperBound, ranges[end].upperBound)
            end += 1
        }
        ranges.replaceSubrange(start..<end, with: [range])
        if ranges.count > Self.limit { mergeNearest() }
    }

    private mutating func mergeNearest() {
        let nearest = (1..<ranges.count).min {
            ranges[$0].lowerBound - ranges[$0 - 1].upperBound < ranges[$1].lowerBound - ranges[$1 - 1].upperBound
        }
        guard let nearest else { return }
        ranges[nearest - 1] = ranges[nearest - 1].lowerBound...ranges[nearest].upperBound
        ranges.remove(at: nearest)
    }
}
