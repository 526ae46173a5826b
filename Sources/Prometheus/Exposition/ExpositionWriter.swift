/// Writes an exposition line by line. All differences between the two formats are here.
struct ExpositionWriter {
    private let format: ExpositionFormat
    private var bytes: [UInt8] = []
    private var isFinished = false

    init(_ format: ExpositionFormat) {
        self.format = format
    }

    /// Bytes written since the last ``take()``.
    var count: Int { bytes.count }

    /// Returns what was written since the last call.
    mutating func take() -> [UInt8] {
        defer { bytes = [] }
        return bytes
    }

    /// Writes the metadata lines of a metric.
    ///
    /// OpenMetrics names a counter by its family, without `_total`, requires the order TYPE, UNIT, HELP, and escapes
    /// quotes.
    mutating func writeMetadata(_ name: MetricName, help: String) {
        switch format {
        case .text:
            let shown = name.kind == .counter ? name.family + "_total" : name.family
            writeHelp(shown, help, quotes: false)
            write("# TYPE ", shown, " ", name.kind.rawValue, "\n")
        case .openMetrics:
            write("# TYPE ", name.family, " ", name.kind.rawValue, "\n")
            if let unit = name.unit {
                write("# UNIT ", name.family, " ", unit, "\n")
            }
            writeHelp(name.family, help, quotes: true)
        }
    }

    /// Writes one sample.
    ///
    /// - Parameters:
    ///   - family: the metric without the suffix of a counter.
    ///   - suffix: the rest of the sample's name: "", `_total`, `_sum`, `_count`.
    mutating func writeSample(_ family: String, _ suffix: String, _ labels: LabelText, _ value: Double) {
        writeSeries(family, suffix, labels)
        write(NumberText.value(value), "\n")
    }

    mutating func writeSample(_ family: String, _ suffix: String, _ labels: LabelText, _ value: Int) {
        writeSeries(family, suffix, labels)
        bytes.appendDigits(of: value)
        write("\n")
    }

    /// Writes the cumulative buckets, the sum, and the count, which equals the last bucket.
    ///
    /// `le` is formatted the same in both formats: a label is part of a series' identity, which must not depend on the
    /// negotiated format.
    ///
    /// - Parameter bounds: from ``boundTexts(of:)``.
    mutating func writeHistogram(_ family: String, _ labels: LabelText, _ histogram: Histogram, bounds: [[UInt8]]) {
        let snapshot = histogram.snapshot()
        let series = Array("\(family)_bucket{".utf8) + labels.bytes + (labels.bytes.isEmpty ? "" : ",").utf8
        var count = 0
        for (bound, observations) in zip(bounds, snapshot.bucketCounts) {
            count += observations
            bytes.append(contentsOf: series)
            bytes.append(contentsOf: bound)
            bytes.appendDigits(of: count)
            write("\n")
        }
        writeSample(family, "_sum", labels, snapshot.sum)
        writeSample(family, "_count", labels, count)
    }

    /// The text after the other labels in each bucket's line, up to the number.
    static func boundTexts(of bounds: BucketBounds) -> [[UInt8]] {
        (0..<bounds.bucketCount).map { bucket in
            Array("le=\"\(NumberText.bound(bounds.upperBound(ofBucket: bucket)))\"} ".utf8)
        }
    }

    /// Writes the final mark of OpenMetrics, once.
    mutating func finish() {
        if format == .openMetrics, !isFinished {
            write("# EOF\n")
        }
        isFinished = true
    }

    private mutating func writeHelp(_ name: String, _ help: String, quotes: Bool) {
        write("# HELP ", name, " ")
        bytes.appendEscaped(help, quotes: quotes)
        write("\n")
    }

    private mutating func writeSeries(_ family: String, _ suffix: String, _ labels: LabelText) {
        write(family, suffix)
        if !labels.bytes.isEmpty {
            write("{")
            bytes.append(contentsOf: labels.bytes)
            write("}")
        }
        write(" ")
    }

    private mutating func write(_ text: String) {
        bytes.append(contentsOf: text.utf8)
    }

    private mutating func write(_ texts: String...) {
        for text in texts { write(text) }
    }
}
