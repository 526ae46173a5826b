/// A registered metric: name, help, and the source of its samples.
struct Registration: Sendable {
    /// The source of a metric's samples.
    enum Source: Sendable {
        case counters(Family<Counter>)
        case gauges(Family<Gauge>)
        case histograms(Family<Histogram>)
        case reading(@Sendable () -> Double)
    }

    /// A snapshot of a metric's children.
    struct Children: Sendable {
        static let none = Children(count: 0) { _, _ in }

        let count: Int
        /// Writes one sample, or one set of buckets, for the child at an index.
        let write: @Sendable (Int, inout ExpositionWriter) -> Void
    }

    let name: MetricName
    let help: String
    let source: Source

    /// In the order of exposition.
    func children() -> Children {
        switch source {
        case .counters(let family):
            let children = family.sortedChildren()
            return Children(count: children.count) { [name] index, writer in
                let labels = LabelText(family.labels, children[index].labelValues)
                writer.writeSample(name.family, "_total", labels, children[index].metric.value)
            }
        case .gauges(let family):
            let children = family.sortedChildren()
            return Children(count: children.count) { [name] index, writer in
                let labels = LabelText(family.labels, children[index].labelValues)
                writer.writeSample(name.family, "", labels, children[index].metric.value)
            }
        case .histograms(let family):
            let children = family.sortedChildren()
            let bounds = children.first.map { ExpositionWriter.boundTexts(of: $0.metric.bounds) } ?? []
            return Children(count: children.count) { [name] index, writer in
                let labels = LabelText(family.labels, children[index].labelValues)
                writer.writeHistogram(name.family, labels, children[index].metric, bounds: bounds)
            }
        case .reading(let read):
            return Children(count: 1) { [name] _, writer in
                writer.writeSample(name.family, "_total", LabelText([], []), read())
            }
        }
    }
}
