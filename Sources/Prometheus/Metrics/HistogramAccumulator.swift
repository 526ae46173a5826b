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

    /// An empty accumulator with the buckets of `histogram`.
    public init(like histogram: Histogram) {
        bounds = histogram.bounds
    }

    /// - Parameter value: finite and not negative; anything else is left out, as in ``Histogram/observe(_:)``.
    @inlinable
    public mutating func observe(_ value: Double) {
        guard value >= 0, value <= .greatestFiniteMagnitude else { return }
        buckets[unchecked: bounds.bucket(of: value)] &+= 1
        sum += value
    }

    mutating func reset() {
        buckets = InlineArray(repeating: 0)
        sum = 0
    }
}
