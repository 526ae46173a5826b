/// The order in which segments were recorded: each names the one before it. Times alone lie where the clock was set.
enum SegmentOrder {
    /// - Returns: chains of segments, in the order of their starts where none names the other.
    static func sorted(_ segments: [CaptureSegment]) -> [CaptureSegment] {
        let byTime = segments.sorted { ($0.startedAt, $0.path) < ($1.startedAt, $1.path) }
        var indexes: [String: Int] = [:]
        for (index, segment) in byTime.enumerated() { indexes[segment.path] = index }
        var isTaken = Array(repeating: false, count: byTime.count)
        var order: [CaptureSegment] = []
        order.reserveCapacity(byTime.count)
        for start in byTime.indices {
            // What is taken already ends the walk, so that names in a circle end it, too.
            var chain: [CaptureSegment] = []
            var next: Int? = start
            while let index = next, !isTaken[index] {
                isTaken[index] = true
                chain.append(byTime[index])
                next = byTime[index].previousPath.flatMap { indexes[$0] }
            }
            order += chain.reversed()
        }
        return order
    }
}

extension CaptureSegment {
    /// Where the segment before this one lies, if it was not moved elsewhere.
    fileprivate var previousPath: String? {
        previous.map { name in
            path.lastIndex(of: "/").map { path[...$0] + name } ?? name
        }
    }
}
