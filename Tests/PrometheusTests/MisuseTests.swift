import Prometheus
import Testing

/// Programming errors stop the program.
@Suite struct MisuseTests {
    enum Misuse: String, CaseIterable, Codable, Sendable {
        case emptyName, colonInName, nameBeginsWithDigit, hyphenInName, letterBeyondASCII
        case counterWithoutTotal, gaugeWithTotal, nothingButTotal
        case emptyHelp
        case badLabel, reservedLabel, repeatedLabel, leOfAHistogram
        case nameTwice, counterAndGaugeOfOneFamily, sampleOfAHistogram
        case noBounds, tooManyBounds, descendingBounds, equalBounds, negativeBound, infiniteBound, notANumberBound
        case tooFewValues, removalOfTooFewValues, limitOfNothing, limitPerForeignLabel
        case counterGoesDown, mergeOfOtherBuckets

        func commit() {
            let registry = Registry()
            switch self {
            case .emptyName: _ = registry.gauge("", help: "h")
            case .colonInName: _ = registry.gauge("a:b", help: "h")
            case .nameBeginsWithDigit: _ = registry.gauge("1a", help: "h")
            case .hyphenInName: _ = registry.gauge("a-b", help: "h")
            case .letterBeyondASCII: _ = registry.gauge("größe", help: "h")
            case .counterWithoutTotal: _ = registry.counter("a", help: "h")
            case .gaugeWithTotal: _ = registry.gauge("a_total", help: "h")
            case .nothingButTotal: _ = registry.counter("_total", help: "h")
            case .emptyHelp: _ = registry.gauge("a", help: "")
            case .badLabel: _ = registry.gaugeFamily("a", help: "h", labels: ["b c"])
            case .reservedLabel: _ = registry.gaugeFamily("a", help: "h", labels: ["__b"])
            case .repeatedLabel: _ = registry.gaugeFamily("a", help: "h", labels: ["b", "b"])
            case .leOfAHistogram: _ = registry.histogramFamily("a", help: "h", labels: ["le"], buckets: [1])
            case .nameTwice:
                _ = registry.gauge("a", help: "h")
                _ = registry.gauge("a", help: "h")
            case .counterAndGaugeOfOneFamily:
                _ = registry.counter("a_total", help: "h")
                _ = registry.gauge("a", help: "h")
            case .sampleOfAHistogram:
                _ = registry.gauge("a_count", help: "h")
                _ = registry.histogram("a", help: "h", buckets: [1])
            case .noBounds: _ = Histogram(upperBounds: [])
            case .tooManyBounds: _ = Histogram(upperBounds: (0...Histogram.maximumBounds).map { Double($0) })
            case .descendingBounds: _ = Histogram(upperBounds: [2, 1])
            case .equalBounds: _ = Histogram(upperBounds: [1, 1])
            case .negativeBound: _ = Histogram(upperBounds: [-1, 1])
            case .infiniteBound: _ = Histogram(upperBounds: [1, .infinity])
            case .notANumberBound: _ = Histogram(upperBounds: [.nan])
            case .tooFewValues: _ = registry.gaugeFamily("a", help: "h", labels: ["b", "c"]).with("d")
            case .removalOfTooFewValues: registry.gaugeFamily("a", help: "h", labels: ["b", "c"]).remove("d")
            case .limitOfNothing: _ = ChildLimit(maximumChildren: 0)
            case .limitPerForeignLabel:
                let limit = ChildLimit(maximumChildren: 1, per: ["c"])
                _ = registry.gaugeFamily("a", help: "h", labels: ["b"], limit: limit)
            case .counterGoesDown: Counter().increment(by: -1)
            case .mergeOfOtherBuckets:
                var accumulator = HistogramAccumulator(like: Histogram(upperBounds: [1, 2]))
                Histogram(upperBounds: [1, 3]).merge(&accumulator)
            }
        }
    }

    @Test(arguments: Misuse.allCases)
    func stopsTheProgram(misuse: Misuse) async {
        await #expect(processExitsWith: .failure) { [misuse] in
            misuse.commit()
        }
    }
}
