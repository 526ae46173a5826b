import Dispatch
import Prometheus
import Testing

/// Many threads at once: nothing is lost, and each scrape is consistent.
@Suite struct ConcurrencyTests {
    private static let threads = 8
    private static let rounds = 100_000

    @Test func counterLosesNothing() {
        let counter = Counter()
        DispatchQueue.concurrentPerform(iterations: Self.threads) { thread in
            for _ in 0..<Self.rounds {
                counter.increment()
                counter.increment(by: thread)
            }
        }
        #expect(counter.value == Self.rounds * (Self.threads + (0..<Self.threads).reduce(0, +)))
    }

    @Test func gaugeAddLosesNothing() {
        let gauge = Gauge()
        DispatchQueue.concurrentPerform(iterations: Self.threads) { thread in
            for _ in 0..<Self.rounds {
                gauge.add(Double(thread))
            }
        }
        #expect(gauge.value == Double(Self.rounds * (0..<Self.threads).reduce(0, +)))
        gauge.add(-gauge.value - 0.5)
        #expect(gauge.value == -0.5)
    }

    @Test func histogramLosesNothingAndStaysConsistent() {
        let registry = Registry()
        let histogram = registry.histogram("h", help: "A histogram.", buckets: [0, 1, 2, 4])
        DispatchQueue.concurrentPerform(iterations: Self.threads) { thread in
            var accumulator = HistogramAccumulator(like: histogram)
            for round in 0..<Self.rounds {
                if thread.isMultiple(of: 2) {
                    histogram.observe(Double(round % 8))
                } else {
                    accumulator.observe(Double(round % 8))
                }
                if round.isMultiple(of: 5000) {
                    histogram.merge(&accumulator)
                    checkConsistency(of: registry.sampleLines())
                }
            }
            histogram.merge(&accumulator)
        }
        let total = Self.threads * Self.rounds
        #expect(
            registry.sampleLines() == [
                #"h_bucket{le="0.0"} \#(total / 8)"#,
                #"h_bucket{le="1.0"} \#(total / 4)"#,
                #"h_bucket{le="2.0"} \#(total / 8 * 3)"#,
                #"h_bucket{le="4.0"} \#(total / 8 * 5)"#,
                #"h_bucket{le="+Inf"} \#(total)"#,
                "h_sum \(total / 8 * 28)",
                "h_count \(total)",
            ])
    }

    @Test func familyCreatesEachChildOnce() {
        let registry = Registry()
        let family = registry.counterFamily(
            "c_total", help: "A counter.", labels: ["n"], limit: ChildLimit(maximumChildren: 10))
        DispatchQueue.concurrentPerform(iterations: Self.threads) { _ in
            for round in 0..<1000 {
                family.with("\(round % 20)").increment()
            }
        }
        let lines = registry.sampleLines()
        #expect(lines.count == 11)
        #expect(lines.contains(#"c_total{n="other"} \#(Self.threads * 500)"#))
        let counts = lines.compactMap { $0.split(separator: " ").last.flatMap { Int($0) } }
        #expect(counts.reduce(0, +) == Self.threads * 1000)
    }

    private func checkConsistency(of lines: [String]) {
        let numbers = lines.compactMap { $0.split(separator: " ").last.flatMap { Double($0) } }
        let buckets = numbers.prefix(5)
        #expect(zip(buckets, buckets.dropFirst()).allSatisfy(<=))
        #expect(buckets.last == numbers.last, "the bucket of +Inf and the count")
    }
}
