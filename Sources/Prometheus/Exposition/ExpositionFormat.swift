/// The two exposition formats that a scraper may request.
package enum ExpositionFormat: Sendable {
    /// The text format of Prometheus, version 0.0.4.
    case text
    /// OpenMetrics, version 1.0.0.
    case openMetrics

    /// Value of the `Content-Type` header.
    package var contentType: String {
        switch self {
        case .text: "text/plain; version=0.0.4; charset=utf-8"
        case .openMetrics: "application/openmetrics-text; version=1.0.0; charset=utf-8"
        }
    }

    /// The format for the response to a scrape.
    ///
    /// - Parameter accept: value of the `Accept` header; several headers joined by commas.
    /// - Returns: the format with the higher quality; if equal, the one named more precisely; otherwise, and if neither
    ///   is acceptable, text.
    package static func negotiate(accept: String?) -> ExpositionFormat {
        let ranges = (accept ?? "").split(separator: ",").compactMap(MediaRange.init)
        let text = MediaRange.preference(for: .text, in: ranges)
        let openMetrics = MediaRange.preference(for: .openMetrics, in: ranges)
        return openMetrics.quality > 0 && openMetrics > text ? .openMetrics : .text
    }

    /// The media type and version in ``contentType``.
    var mediaType: (type: String, subtype: String, version: String) {
        switch self {
        case .text: ("text", "plain", "0.0.4")
        case .openMetrics: ("application", "openmetrics-text", "1.0.0")
        }
    }
}

/// One alternative in the `Accept` header: `text/plain;version=0.0.4;q=0.5`.
struct MediaRange {
    private let type: String
    private let subtype: String
    private let version: String?
    private let quality: Double

    /// - Returns: nil for an invalid media range, which is ignored.
    init?(_ text: Substring) {
        let parts = text.split(separator: ";").map(trimmed)
        let names = (parts.first ?? "").lowercased().split(separator: "/", omittingEmptySubsequences: false)
        guard names.count == 2, !names[0].isEmpty, !names[1].isEmpty else { return nil }

        var version: String?
        var quality = 1.0
        for parameter in parts.dropFirst() {
            let pair = parameter.split(separator: "=", maxSplits: 1).map(trimmed)
            guard pair.count == 2 else { continue }
            switch pair[0].lowercased() {
            case "version":
                version = pair[1].filter { $0 != "\"" }
            case "q":
                guard let number = Double(pair[1]), (0...1).contains(number) else { return nil }
                quality = number
            default:
                break
            }
        }
        type = String(names[0])
        subtype = String(names[1])
        self.version = version
        self.quality = quality
    }

    /// A client's preference: by quality, then by precision of the range.
    struct Preference: Comparable {
        var quality: Double
        var precision: Int

        static func < (left: Self, right: Self) -> Bool {
            (left.quality, left.precision) < (right.quality, right.precision)
        }
    }

    /// A client's preference for a format: the most precise ranges that match it decide.
    static func preference(for format: ExpositionFormat, in ranges: [MediaRange]) -> Preference {
        ranges
            .compactMap { range in
                range.precision(for: format).map { Preference(quality: range.quality, precision: $0) }
            }
            .max { ($0.precision, $0.quality) < ($1.precision, $1.quality) }
            ?? Preference(quality: 0, precision: 0)
    }

    /// The precision with which this range matches a format, from 1 for `*/*` to 4 including its version; nil if it
    /// does not match.
    private func precision(for format: ExpositionFormat) -> Int? {
        let offered = format.mediaType
        switch (type, subtype, version) {
        case ("*", "*", _): return 1
        case (offered.type, "*", _): return 2
        case (offered.type, offered.subtype, nil): return 3
        case (offered.type, offered.subtype, offered.version): return 4
        default: return nil
        }
    }
}

private func trimmed(_ text: Substring) -> Substring {
    func isSpace(_ character: Character) -> Bool { character == " " || character == "\t" }
    guard let last = text.lastIndex(where: { !isSpace($0) }) else { return "" }
    return text[...last].drop(while: isSpace)
}
