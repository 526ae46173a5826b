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
