/// Chooses the next rate, and determines the limiting factor. Pure.
struct BenchLadder {
    /// Envelopes per second.
    private static let first = 5_000

    let highest: Int
    private var next = 0

    init(highest: Int) {
        self.highest = highest
        next = min(Self.first, highest)
    }

    /// The next rate to try.
    ///
    /// - Parameter step: the last one; nil at the start.
    /// - Returns: nil at the maximum, or if the last rate was too high.
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

    /// The limiting factor of the last step.
    ///
    /// - Parameter diskBytesPerSecond: maximum throughput of the disk; nil if unknown.
    static func limit(of step: BenchReport.Step, diskBytesPerSecond: Double?) -> BenchReport.Limit {
        if !step.keptUp {
            // Other writers, and syncs in between, use part of the disk.
            if let disk = diskBytesPerSecond, step.writtenBytesPerSecond > 0.6 * disk { return .disk }
            return .processor
        }
        if step.reached { return .none }
        if let redis = step.redisProcessors, redis > 0.85 { return .redis }
        return step.machineBusy > 0.9 ? .processor : .connection
    }
}
