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
    fileprivate mutating func writeMetadata(_ name: MetricName, help: String) {
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

extension [UInt8] {
    /// Appends a text with backslash and line feed escaped, the only characters that would end or alter a line.
    ///
    /// - Parameter quotes: whether to escape the double quote too. Required for label values in both formats, and for
    ///   help texts in OpenMetrics only: the text format would show the backslash.
    mutating func appendEscaped(_ text: String, quotes: Bool) {
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "\\"):
                append(contentsOf: "\\\\".utf8)
            case UInt8(ascii: "\n"):
                append(contentsOf: "\\n".utf8)
            case UInt8(ascii: "\"") where quotes:
                append(contentsOf: "\\\"".utf8)
            default:
                append(byte)
            }
        }
    }
}

/// The labels of one child as written between the braces: `channel="chat",kind="hub"`. Empty if there are none.
struct LabelText {
    private(set) var bytes: [UInt8] = []

    /// - Parameters:
    ///   - names: checked at registration.
    ///   - values: one per name; any Unicode text.
    init(_ names: [String], _ values: [String]) {
        for (name, value) in zip(names, values) {
            append(name, value)
        }
    }

    private mutating func append(_ name: String, _ value: String) {
        if !bytes.isEmpty {
            bytes.append(UInt8(ascii: ","))
        }
        bytes.append(contentsOf: name.utf8)
        bytes.append(contentsOf: "=\"".utf8)
        bytes.appendEscaped(value, quotes: true)
        bytes.append(UInt8(ascii: "\""))
    }
}

/// Formats numbers with the shortest digits that round-trip.
enum NumberText {
    /// A sample's value. Whole numbers have no fraction: `3`, `0.25`, `1e+16`, `NaN`, `+Inf`, `-Inf`.
    static func value(_ number: Double) -> String {
        guard number.isFinite else {
            return number.isNaN ? "NaN" : number < 0 ? "-Inf" : "+Inf"
        }
        let digits = number.description
        return digits.hasSuffix(".0") ? String(digits.dropLast(2)) : digits
    }

    /// The label `le` of a bucket, in the canonical format of OpenMetrics: `0.005`, `1.0`, `1.048576e+06`, `+Inf`.
    ///
    /// This is Go's `%g`, plus `.0` for whole numbers. Swift's format is the same, but it uses an exponent from 2^54
    /// on, and `%g` from 1e6 on.
    ///
    /// - Parameter bound: not negative, not NaN.
    static func bound(_ bound: Double) -> String {
        guard bound.isFinite else { return "+Inf" }
        let digits = bound.description
        guard bound >= 1e6, let point = digits.firstIndex(of: "."), !digits.contains("e") else { return digits }

        let exponent = digits.distance(from: digits.startIndex, to: point) - 1
        var mantissa = digits.filter { $0 != "." }
        while mantissa.count > 1, mantissa.last == "0" {
            mantissa.removeLast()
        }
        if mantissa.count > 1 {
            mantissa.insert(".", at: mantissa.index(after: mantissa.startIndex))
        }
        return "\(mantissa)e+\(exponent < 10 ? "0" : "")\(exponent)"
    }
}

extension [UInt8] {
    /// Appends a number without creating a string. A counter that overflowed `Int.max` is negative.
    mutating func appendDigits(of number: Int) {
        if number < 0 { append(UInt8(ascii: "-")) }
        let start = count
        var rest = number.magnitude
        repeat {
            append(UInt8(ascii: "0") + UInt8(truncatingIfNeeded: rest % 10))
            rest /= 10
        } while rest > 0
        self[start...].reverse()
    }
}

/// The response to a scrape, generated in pieces on demand: with a thousand channels it has megabytes, and several
/// scrapers may ask at once.
///
/// The children of a metric are read when it is its turn. Buckets, sum and count of a histogram are consistent.
package struct Exposition: Sequence, IteratorProtocol, Sendable {
    /// A piece is returned once it has this many bytes; it exceeds them by at most the lines of one child.
    static let pieceSize = 256 << 10

    private var registrations: ArraySlice<Registration>
    private var children = Registration.Children.none
    private var nextChild = 0
    private var writer: ExpositionWriter

    init(_ registrations: [Registration], _ format: ExpositionFormat) {
        self.registrations = registrations[...]
        writer = ExpositionWriter(format)
    }

    /// - Returns: UTF-8, never empty; nil after the end.
    package mutating func next() -> [UInt8]? {
        while writer.count < Self.pieceSize {
            if nextChild < children.count {
                children.write(nextChild, &writer)
                nextChild += 1
            } else if let registration = registrations.popFirst() {
                writer.writeMetadata(registration.name, help: registration.help)
                children = registration.children()
                nextChild = 0
            } else {
                writer.finish()
                break
            }
        }
        let piece = writer.take()
        return piece.isEmpty ? nil : piece
    }
}
