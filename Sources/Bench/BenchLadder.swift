/// Which rate comes next, and what stood in the way at the end. Pure.
struct BenchLadder {
    /// Envelopes a second.
    private static let first = 5_000

    let highest: Int
    private var next = 0

    init(highest: Int) {
        self.highest = highest
        next = min(Self.first, highest)
    }

    /// The next rate to try.
    ///
    /// - Parameter step: the last one; nil at the beginning.
    /// - Returns: nil at the top, or when the last one was too much for somebody.
    mutating func rate(after step: BenchReport.Step?) -> Int? {
        if let step, !step.keptUp || !step.reached || step.asked >= highest { return nil }
        defer { next = min(highest, Self.risen(from: next)) }
        return next
    }

    /// 5, 10, 20, 50, 100...
    private static func risen(from rate: Int) -> Int {
        let isTwo = String(rate).hasPrefix("2")
        return isTwo ? rate / 2 * 5 : rate * 2
    }

    /// What the last step ran into.
    ///
    /// - Parameter diskBytesPerSecond: what the disk takes at most; nil if that is not known.
    static func limit(of step: BenchReport.Step, diskBytesPerSecond: Double?) -> BenchReport.Limit {
        if !step.keptUp {
            // Other writers, and the forcing in between, take their part of a disk.
            if let disk = diskBytesPerSecond, step.writtenBytesPerSecond > 0.6 * disk { return .disk }
            return .processor
        }
        if step.reached { return .none }
        if let redis = step.redisProcessors, redis > 0.85 { return .redis }
        return step.machineBusy > 0.9 ? .processor : .connection
    }
}
