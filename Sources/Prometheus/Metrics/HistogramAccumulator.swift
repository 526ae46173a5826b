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
    /// The bucket of the last value, and what belongs into it: above `low`, up to `high`. What comes next is mostly alike.
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
