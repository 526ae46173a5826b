import Prometheus

/// Derives the latencies of one second from a cumulative histogram.
struct LatencyWindow: Sendable {
    /// In seconds, with the precision of the buckets.
    struct Quantiles: Sendable, Equatable {
        var median: Double
        var p99: Double
    }

    private let bounds: [Double]
    private var counts: [Int]

    init(_ histogram: Histogram) {
        bounds = histogram.upperBounds
        counts = histogram.bucketCounts
    }

    /// - Returns: quantiles of the observations since the last call; nil if there are none.
    mutating func advance(to histogram: Histogram) -> Quantiles? {
        let now = histogram.bucketCounts
        let new = zip(now, counts).map { $0 - $1 }
        counts = now
        return Self.quantiles(new, bounds: bounds)
    }

    /// - Parameter counts: observations by bucket, the one without a bound last.
    static func quantiles(_ counts: [Int], bounds: [Double]) -> Quantiles? {
        let total = counts.reduce(0, +)
        guard total > 0 else { return nil }
        return Quantiles(
            median: quantile(0.5, counts, total: total, bounds: bounds),
            p99: quantile(0.99, counts, total: total, bounds: bounds))
    }

    /// Interpolates within a bucket like Prometheus' `histogram_quantile`.
    private static func quantile(_ quantile: Double, _ counts: [Int], total: Int, bounds: [Double]) -> Double {
        let rank = quantile * Double(total)
        var below = 0
        for (bucket, count) in counts.enumerated() where count > 0 {
            if Double(below + count) >= rank {
                guard bucket < bounds.count else { return bounds.last ?? 0 }
                let lower = bucket == 0 ? 0 : bounds[bucket - 1]
                return lower + (bounds[bucket] - lower) * (rank - Double(below)) / Double(count)
            }
            below += count
        }
        return bounds.last ?? 0
    }
}
