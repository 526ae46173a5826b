package import Synchronization

/// Counts observations in buckets. Thread-safe and wait-free; no observation is lost.
///
/// Buckets are stored separately and summed when scraped: an observation updates one bucket and the sum. The count is
/// the sum of the buckets, so `_count` and the bucket of +Inf always agree. `_sum` may differ by concurrent
/// observations.
package final class Histogram: Sendable {
    /// Maximum number of bounds.
    package static let maximumBounds = BucketBounds.maximum

    @usableFromInline
    let bounds: BucketBounds
    @usableFromInline
    let buckets: InlineArray<32, Atomic<Int>>
    @usableFromInline
    let sum = Atomic<Double>(0)

    /// An unregistered histogram without observations; use ``Registry/histogram(_:help:buckets:)`` to expose one.
    ///
    /// - Parameter upperBounds: inclusive bounds of the buckets: 1 to ``maximumBounds`` finite, ascending, nonnegative
    ///   numbers, without +Inf. Anything else is a programming error.
    package convenience init(upperBounds: [Double]) {
        self.init(bounds: BucketBounds(upperBounds))
    }

    init(bounds: BucketBounds) {
        self.bounds = bounds
        buckets = InlineArray { _ in Atomic(0) }
    }

    /// - Parameter value: finite and not negative. Other values are ignored, because the sum must never decrease:
    ///   callers that can have a negative duration count it separately.
    @inlinable
    package func observe(_ value: Double) {
        guard value >= 0, value <= .greatestFiniteMagnitude else { return }
        buckets[bounds.bucket(of: value)].wrappingAdd(1, ordering: .relaxed)
        sum.add(value)
    }

    /// Adds the contents of an accumulator and empties it.
    ///
    /// - Parameter accumulator: created for this histogram; other bounds are a programming error.
    package func merge(_ accumulator: inout HistogramAccumulator) {
        precondition(accumulator.bounds == bounds, "the accumulator was made for other buckets")
        for bucket in 0..<bounds.bucketCount where accumulator.buckets[bucket] != 0 {
            buckets[bucket].wrappingAdd(accumulator.buckets[bucket], ordering: .relaxed)
        }
        if accumulator.sum != 0 {
            sum.add(accumulator.sum)
        }
        accumulator.reset()
    }

    /// The bounds; one more bucket extends to +Inf.
    package var upperBounds: [Double] { (0..<bounds.count).map { bounds.upperBound(ofBucket: $0) } }

    /// Observations per bucket, not cumulative, the one up to +Inf last.
    package var bucketCounts: [Int] { snapshot().bucketCounts }

    /// Observations per bucket, not cumulative, the one up to +Inf last, and the sum of all values.
    func snapshot() -> (bucketCounts: [Int], sum: Double) {
        let counts = (0..<bounds.bucketCount).map { buckets[$0].load(ordering: .relaxed) }
        return (counts, sum.load(ordering: .relaxed))
    }
}
