import Prometheus
import Testing

@testable import LivePage
@testable import Relay

@Suite struct LatencyWindowTests {
    static let cases: [(counts: [Int], median: Double, p99: Double)] = [
        ([0, 100, 0, 0], 1.5, 1.99),
        ([50, 50, 0, 0], 1, 1.98),
        ([1, 0, 0, 0], 0.5, 0.99),
        // Above the last bound only the bound is known.
        ([0, 0, 0, 7], 4, 4),
    ]

    @Test(arguments: cases) func quantiles(counts: [Int], median: Double, p99: Double) throws {
        let found = try #require(LatencyWindow.quantiles(counts, bounds: [1, 2, 4]))
        #expect(abs(found.median - median) < 1e-9 && abs(found.p99 - p99) < 1e-9, "\(found)")
    }

    @Test func onlyNewValuesCount() {
        let histogram = Histogram(upperBounds: [1, 2, 4])
        histogram.observe(0.5)
        var window = LatencyWindow(histogram)
        #expect(window.advance(to: histogram) == nil)
        for _ in 0..<10 { histogram.observe(3) }
        #expect(window.advance(to: histogram)?.median == 3)
        #expect(window.advance(to: histogram) == nil)
    }
}
