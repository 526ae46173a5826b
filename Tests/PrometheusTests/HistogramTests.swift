import Prometheus
import TestSupport
import Testing

@Suite struct HistogramTests {
    /// A registered histogram without labels, so that tests see the exposition.
    private struct Subject {
        let registry = Registry()
        let histogram: Histogram

        init(_ bounds: [Double]) {
            histogram = registry.histogram("h", help: "A histogram.", buckets: bounds)
        }

        /// The cumulative buckets, +Inf last.
        var buckets: [Int] { numbers("h_bucket").map { Int($0) } }
        var sum: Double { numbers("h_sum").first ?? .nan }
        var count: Int { numbers("h_count").first.map { Int($0) } ?? -1 }

        private func numbers(_ name: String) -> [Double] {
            registry.sampleLines().filter { $0.hasPrefix(name) }
                .compactMap { $0.split(separator: " ").last.flatMap { Double($0) } }
        }
    }

    @Test(arguments: [
        (0, [1, 1, 1, 1]), (0.999, [1, 1, 1, 1]), (1, [1, 1, 1, 1]), (1.0.nextUp, [0, 1, 1, 1]), (2, [0, 1, 1, 1]),
        (2.0.nextUp, [0, 0, 1, 1]), (4, [0, 0, 1, 1]), (4.0.nextUp, [0, 0, 0, 1]),
        (.greatestFiniteMagnitude, [0, 0, 0, 1]),
    ])
    func boundsAreIncluded(value: Double, expected: [Int]) {
        let subject = Subject([1, 2, 4])
        subject.histogram.observe(value)
        #expect(subject.buckets == expected)
        #expect(subject.sum == value)
    }

    @Test(arguments: [Double.nan, -.nan, .infinity, -.infinity, -1, -.leastNonzeroMagnitude])
    func whatWouldSpoilTheSumIsLeftOut(value: Double) {
        let subject = Subject([1])
        var accumulator = HistogramAccumulator(like: subject.histogram)
        subject.histogram.observe(value)
        accumulator.observe(value)
        subject.histogram.merge(&accumulator)
        #expect(subject.buckets == [0, 0])
        #expect(subject.sum == 0)
    }

    /// Compares the search with the definition, for every possible number of bounds.
    @Test(arguments: 1...Histogram.maximumBounds)
    func search(boundCount: Int) {
        let seed = UInt64(boundCount)
        var random = SplitMix64(seed: seed)
        let bounds = Set((0..<boundCount).map { _ in Double.random(in: 0...100, using: &random) }).sorted()
        let edges = bounds.flatMap { [$0.nextDown, $0, $0, $0.nextUp, $0.nextUp, $0] }.filter { $0 >= 0 }
        // Adjacent and distant values: an accumulator remembers the bucket of the previous value.
        let values = edges + edges.shuffled(using: &random) + [0, 0, 50, 1e300, 1e300, 0]

        let observed = Subject(bounds)
        let merged = Subject(bounds)
        var accumulator = HistogramAccumulator(like: merged.histogram)
        for value in values {
            observed.histogram.observe(value)
            accumulator.observe(value)
        }
        merged.histogram.merge(&accumulator)

        let expected = bounds.map { bound in values.count { $0 <= bound } } + [values.count]
        for subject in [observed, merged] {
            #expect(subject.buckets == expected, "seed \(seed)")
            #expect(subject.count == values.count, "seed \(seed)")
            #expect(subject.sum == values.reduce(0, +), "seed \(seed)")
        }
    }

    @Test func mergeAddsTheAccumulatorAndEmptiesIt() {
        let subject = Subject([1, 2])
        subject.histogram.observe(2)
        var accumulator = HistogramAccumulator(like: subject.histogram)
        accumulator.observe(0.5)
        accumulator.observe(8)
        subject.histogram.merge(&accumulator)
        subject.histogram.merge(&accumulator)
        #expect(subject.buckets == [1, 2, 3])
        #expect(subject.sum == 10.5)
        accumulator.observe(1)
        subject.histogram.merge(&accumulator)
        #expect(subject.buckets == [2, 3, 4])
        #expect(subject.sum == 11.5)
    }

    @Test func aCopyOfAnAccumulatorIsIndependent() {
        let subject = Subject([1])
        var first = HistogramAccumulator(like: subject.histogram)
        first.observe(1)
        var second = first
        second.observe(1)
        subject.histogram.merge(&first)
        #expect(subject.count == 1)
        subject.histogram.merge(&second)
        #expect(subject.count == 3)
    }
}
