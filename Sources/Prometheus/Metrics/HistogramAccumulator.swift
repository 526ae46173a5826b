/// Collects observations for one histogram on one thread, without atomics: one for each batch of envelopes, merged
/// with ``Histogram/merge(_:)`` at the end of it.
@frozen
public struct HistogramAccumulator: Sendable {
    @usableFromInline
    let bounds: BucketBounds
    @usableFromInline
    var buckets = InlineArray<32, Int>(repeating: 0)
    @usableFromInline
    var sum = 0.0
    // The bucket of the last value, and what lies in it: above `floor`, up to `ceiling`. Mostly the next one does, too.
    @usableFromInline
    var last = 0
    @usableFromInline
    var floor = Double.infinity
    @usableFromInline
    var ceiling = -Double.infinity

    /// An empty accumulator with the buckets of `histogram`.
    public init(like histogram: Histogram) {
        bounds = histogram.bounds
    }

    /// - Parameter value: finite and not negative; anything else is left out, as in ``Histogram/observe(_:)``.
    @inlinable
    public mutating func observe(_ value: Double) {
        guard value >= 0, value <= .greatestFiniteMagnitude else { return }
        if value <= floor || value > ceiling { move(to: bounds.bucket(of: value)) }
        buckets[unchecked: last] &+= 1
        sum += value
    }

    @usableFromInline
    mutating func move(to bucket: Int) {
        last = bucket
        floor = bucket > 0 ? bounds.upperBound(ofBucket: bucket - 1) : -.infinity
        ceiling = bounds.upperBound(ofBucket: bucket)
    }

    mutating func reset() {
        buckets = InlineArray(repeating: 0)
        sum = 0
    }
}
