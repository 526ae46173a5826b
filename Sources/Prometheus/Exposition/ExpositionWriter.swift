/// Writes an exposition, line by line. The one place that knows how the two formats differ.
struct ExpositionWriter {
    private let format: ExpositionFormat
    private var bytes: [UInt8] = []

    init(_ format: ExpositionFormat) {
        self.format = format
    }

    /// Writes what stands above the samples of a metric.
    ///
    /// OpenMetrics calls a counter by its family, without `_total`, wants the order TYPE, UNIT, HELP, and escapes quotes.
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
    ///   - suffix: what the sample's name has beyond it: "", `_total`, `_bucket`, `_sum`, `_count`.
    ///   - value: spelled as ``NumberText`` does.
    mutating func writeSample(_ family: String, _ suffix: String, _ labels: LabelText, _ value: String) {
        write(family, suffix)
        if !labels.bytes.isEmpty {
            write("{")
            bytes.append(contentsOf: labels.bytes)
            write("}")
        }
        write(" ", value, "\n")
    }

    /// Writes the buckets, each including those below it, the sum, and the count, which is the last bucket.
    ///
    /// Both formats get the same spelling of `le`: a label is part of a series' identity, and the identity must not depend
    /// on which format was negotiated.
    mutating func writeHistogram(_ family: String, _ labels: LabelText, _ histogram: Histogram) {
        let snapshot = histogram.snapshot()
        var count = 0
        for (bucket, observations) in snapshot.bucketCounts.enumerated() {
            count += observations
            let bound = NumberText.bound(histogram.bounds.upperBound(ofBucket: bucket))
            writeSample(family, "_bucket", labels.adding("le", bound), String(count))
        }
        writeSample(family, "_sum", labels, NumberText.value(snapshot.sum))
        writeSample(family, "_count", labels, String(count))
    }

    /// The whole exposition, with the mark that OpenMetrics ends in.
    consuming func finish() -> [UInt8] {
        if format == .openMetrics {
            write("# EOF\n")
        }
        return bytes
    }

    private mutating func writeHelp(_ name: String, _ help: String, quotes: Bool) {
        write("# HELP ", name, " ")
        bytes.appendEscaped(help, quotes: quotes)
        write("\n")
    }

    private mutating func write(_ texts: String...) {
        for text in texts {
            bytes.append(contentsOf: text.utf8)
        }
    }
}
