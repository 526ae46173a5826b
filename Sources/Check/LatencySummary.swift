import Histogram

/// How long deliveries took, from the call of the sender to the arrival at a receiver.
package struct LatencySummary: Sendable, Encodable {
    package let deliveries: Int
    package let p50Seconds: Double
    package let p99Seconds: Double
    package let maxSeconds: Double
    /// Each value that occurred, to three digits, and how often.
    package let values: [(seconds: Double, count: Int)]

    private enum CodingKeys: CodingKey {
        case deliveries, p50Seconds, p99Seconds, maxSeconds
    }

    /// - Returns: nil if nothing was recorded.
    init?(nanoseconds histogram: Histogram<UInt64>) {
        guard histogram.totalCount > 0 else { return nil }
        deliveries = Int(histogram.totalCount)
        p50Seconds = Double(histogram.valueAtPercentile(50)) * 1e-9
        p99Seconds = Double(histogram.valueAtPercentile(99)) * 1e-9
        maxSeconds = Double(histogram.maxRecorded) * 1e-9
        values = histogram.recordedValues().map { (Double($0.value) * 1e-9, Int($0.count)) }
    }
}
