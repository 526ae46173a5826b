/// The two ways to write down metrics that a scraper may ask for.
package enum ExpositionFormat: Sendable {
    /// The text format of Prometheus, version 0.0.4.
    case text
    /// OpenMetrics, version 1.0.0.
    case openMetrics

    /// What the header `Content-Type` of the answer says.
    package var contentType: String {
        switch self {
        case .text: "text/plain; version=0.0.4; charset=utf-8"
        case .openMetrics: "application/openmetrics-text; version=1.0.0; charset=utf-8"
        }
    }

    /// The format to answer a scrape with.
    ///
    /// - Parameter accept: the value of the header `Accept`; several such headers joined with commas.
    /// - Returns: the format with the higher quality; if both have the same, the one named more precisely; otherwise, and
    ///   if neither is acceptable, text.
    package static func negotiate(accept: String?) -> ExpositionFormat {
        let ranges = (accept ?? "").split(separator: ",").compactMap(MediaRange.init)
        let text = MediaRange.preference(for: .text, in: ranges)
        let openMetrics = MediaRange.preference(for: .openMetrics, in: ranges)
        return openMetrics.quality > 0 && openMetrics > text ? .openMetrics : .text
    }

    /// The media type and the version that ``contentType`` names.
    var mediaType: (type: String, subtype: String, version: String) {
        switch self {
        case .text: ("text", "plain", "0.0.4")
        case .openMetrics: ("application", "openmetrics-text", "1.0.0")
        }
    }
}
