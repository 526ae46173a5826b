/// A metric as a registry keeps it: name, help, and where its samples come from.
struct Registration: Sendable {
    /// Where the samples of a metric come from.
    enum Source: Sendable {
        case counters(Family<Counter>)
        case gauges(Family<Gauge>)
        case histograms(Family<Histogram>)
        case reading(@Sendable () -> Double)
    }

    let name: MetricName
    let help: String
    let source: Source

    /// Writes the metadata and one sample, or one set of buckets, for each child.
    func expose(to writer: inout ExpositionWriter) {
        writer.writeMetadata(name, help: help)
        switch source {
        case .counters(let family):
            for child in family.sortedChildren() {
                let labels = LabelText(family.labels, child.labelValues)
                writer.writeSample(name.family, "_total", labels, child.metric.value)
            }
        case .gauges(let family):
            for child in family.sortedChildren() {
                let labels = LabelText(family.labels, child.labelValues)
                writer.writeSample(name.family, "", labels, child.metric.value)
            }
        case .histograms(let family):
            let children = family.sortedChildren()
            let bounds = children.first.map { ExpositionWriter.boundTexts(of: $0.metric.bounds) } ?? []
            for child in children {
                let labels = LabelText(family.labels, child.labelValues)
                writer.writeHistogram(name.family, labels, child.metric, bounds: bounds)
            }
        case .reading(let read):
            writer.writeSample(name.family, "_total", LabelText([], []), read())
        }
    }
}
