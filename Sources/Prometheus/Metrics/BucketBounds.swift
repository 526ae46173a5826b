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
