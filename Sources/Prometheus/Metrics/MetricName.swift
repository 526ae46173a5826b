/// A validated metric name, and the names derived from it.
struct MetricName: Sendable {
    let kind: MetricKind
    /// The name without the `_total` of a counter, which in OpenMetrics is a suffix of the sample.
    let family: String

    /// - Parameter name: letters, digits and underscores, not starting with a digit; ends in `_total` if and only if it
    ///   is a counter. Colons are legal but reserved for recording rules.
    init(_ name: String, kind: MetricKind) {
        precondition(Self.isIdentifier(name), "'\(name)' is not the name of a metric")
        precondition(
            name.hasSuffix("_total") == (kind == .counter), "'\(name)': a counter, and only a counter, ends in _total")
        self.kind = kind
        family = kind == .counter ? String(name.dropLast("_total".count)) : name
        precondition(!family.isEmpty, "'\(name)' is a suffix without a name")
    }

    /// The unit suffix of the name, if it is a base unit used by this project.
    var unit: String? {
        ["seconds", "bytes"].first { family.hasSuffix("_" + $0) }
    }

    /// Possible sample names with the suffixes reserved by OpenMetrics. No two metrics may share one.
    var reservedNames: [String] {
        let suffixes =
            switch kind {
            case .counter: ["", "_total", "_created"]
            case .gauge: [""]
            case .histogram: ["", "_bucket", "_sum", "_count", "_created"]
            }
        return suffixes.map { family + $0 }
    }

    /// Whether a text consists of letters, digits and underscores and does not start with a digit.
    static func isIdentifier(_ text: String) -> Bool {
        func isLetter(_ byte: UInt8) -> Bool {
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "_"): true
            default: false
            }
        }
        func isDigit(_ byte: UInt8) -> Bool {
            (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
        }
        guard let first = text.utf8.first else { return false }
        return isLetter(first) && text.utf8.allSatisfy { isLetter($0) || isDigit($0) }
    }
}

/// The type of a metric, named as in both formats.
enum MetricKind: String, Sendable {
    case counter
    case gauge
    case histogram
}
