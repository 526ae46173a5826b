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

/// The upper bounds of a histogram's buckets, arranged for a branch-free search.
///
/// Always 31 slots, ascending: the bounds, then +Inf. Five comparisons find any bucket; a linear search takes two to
/// four times as long, because the end of its loop is mispredicted. An array, because the compiler would copy an
/// `InlineArray` for every comparison.
@frozen
@usableFromInline
struct BucketBounds: Equatable, Sendable {
    @usableFromInline
    static var maximum: Int { 31 }

    @usableFromInline
    let slots: [Double]
    @usableFromInline
    let count: Int

    /// - Parameter bounds: 1 to 31 finite, ascending, nonnegative numbers; anything else is a programming error.
    init(_ bounds: [Double]) {
        precondition((1...Self.maximum).contains(bounds.count), "1 to \(Self.maximum) bounds are possible: \(bounds)")
        precondition(bounds.allSatisfy { $0 >= 0 && $0.isFinite }, "bounds are finite and not negative: \(bounds)")
        precondition(zip(bounds, bounds.dropFirst()).allSatisfy(<), "bounds ascend: \(bounds)")
        slots = bounds + Array(repeating: .infinity, count: Self.maximum - bounds.count)
        count = bounds.count
    }

    /// Number of buckets, including the one up to +Inf.
    var bucketCount: Int { count + 1 }

    /// The bound of a bucket; +Inf for the last.
    func upperBound(ofBucket bucket: Int) -> Double {
        bucket < count ? slots[bucket] : .infinity
    }

    /// The bucket of a value: the first whose bound is not below it.
    ///
    /// Each step probes the middle of the remaining 31, 15, 7, 3, 1 slots, so no probe exceeds slot 30.
    ///
    /// - Parameter value: a finite number.
    /// - Returns: 0 to `count`.
    @inlinable
    func bucket(of value: Double) -> Int {
        let slots = slots.span
        var bucket = slots[unchecked: 15] < value ? 16 : 0
        bucket &+= slots[unchecked: bucket &+ 7] < value ? 8 : 0
        bucket &+= slots[unchecked: bucket &+ 3] < value ? 4 : 0
        bucket &+= slots[unchecked: bucket &+ 1] < value ? 2 : 0
        bucket &+= slots[unchecked: bucket] < value ? 1 : 0
        return bucket
    }
}

/// Collects observations for one histogram on one thread, without atomics: one for each batch of envelopes, merged
/// with ``Histogram/merge(_:)`` at the end of it.
@frozen
package struct HistogramAccumulator: Sendable {
    @usableFromInline
    let bounds: BucketBounds
    @usableFromInline
    var buckets = InlineArray<32, Int>(repeating: 0)
    @usableFromInline
    var sum = 0.0
    /// The bucket of the last value, for values above `low` and up to `high`. Consecutive values are mostly similar.
    @usableFromInline
    var last = 0
    @usableFromInline
    var low = 0.0
    @usableFromInline
    var high = 0.0

    /// An empty accumulator with the buckets of `histogram`.
    package init(like histogram: Histogram) {
        bounds = histogram.bounds
    }

    /// - Parameter value: finite and not negative; anything else is left out, as in ``Histogram/observe(_:)``.
    @inlinable
    package mutating func observe(_ value: Double) {
        guard value >= 0, value <= .greatestFiniteMagnitude else { return }
        if !(value > low && value <= high) { find(value) }
        buckets[unchecked: last] &+= 1
        sum += value
    }

    @usableFromInline
    mutating func find(_ value: Double) {
        last = bounds.bucket(of: value)
        low = last == 0 ? -1 : bounds.upperBound(ofBucket: last - 1)
        high = bounds.upperBound(ofBucket: last)
    }

    mutating func reset() {
        buckets = InlineArray(repeating: 0)
        sum = 0
    }
}
