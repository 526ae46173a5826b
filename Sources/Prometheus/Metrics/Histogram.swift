package import Synchronization

/// Counts observations in buckets. Any thread may observe at any time; no observation is lost and none waits.
///
/// Each bucket is stored apart and the buckets are summed when scraped: an observation touches one bucket and the sum,
/// and the count is the sum of the buckets, so `_count` and the bucket of +Inf agree in every exposition. `_sum` may
/// differ from them by the observations under way.
package final class Histogram: Sendable {
    /// How many bounds a histogram can have.
    package static let maximumBounds = BucketBounds.maximum

    @usableFromInline
    let bounds: BucketBounds
    @usableFromInline
    let buckets: InlineArray<32, Atomic<Int>>
    @usableFromInline
    let sum = Atomic<Double>(0)

    /// A histogram without observations that no exposition shows; those of a ``Registry`` come from
    /// ``Registry/histogram(_:help:buckets:)``.
    ///
    /// - Parameter upperBounds: of the buckets, each included in its own: 1 to ``maximumBounds`` numbers, finite,
    ///   ascending, none below 0, without +Inf. Anything else is a programmer's error.
    package convenience init(upperBounds: [Double]) {
        self.init(bounds: BucketBounds(upperBounds))
    }

    init(bounds: BucketBounds) {
        self.bounds = bounds
        buckets = InlineArray { _ in Atomic(0) }
    }

    /// - Parameter value: finite and not negative. Anything else is left out, since the sum must never go down:
    ///   whoever can meet a negative duration counts it apart.
    @inlinable
    package func observe(_ value: Double) {
        guard value >= 0, value <= .greatestFiniteMagnitude else { return }
        buckets[bounds.bucket(of: value)].wrappingAdd(1, ordering: .relaxed)
        sum.add(value)
    }

    /// Adds what an accumulator collected and empties it.
    ///
    /// - Parameter accumulator: one made like this histogram; other bounds are a programmer's error.
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

    /// The bounds that it was made with; one more bucket reaches up to +Inf.
    package var upperBounds: [Double] { (0..<bounds.count).map { bounds.upperBound(ofBucket: $0) } }

    /// How many observations each bucket holds by itself, the one up to +Inf last.
    package var bucketCounts: [Int] { snapshot().bucketCounts }

    /// How many observations each bucket holds by itself, the one up to +Inf last, and the sum of all values.
    func snapshot() -> (bucketCounts: [Int], sum: Double) {
        let counts = (0..<bounds.bucketCount).map { buckets[$0].load(ordering: .relaxed) }
        return (counts, sum.load(ordering: .relaxed))
    }
}
