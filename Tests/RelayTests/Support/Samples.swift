import Prometheus

@testable import Relay

extension RelayMetrics {
    /// The value of one series as a scrape shows it; nil if there is none.
    func sample(_ series: String) -> Double? {
        for line in String(decoding: registry.expose(.text), as: UTF8.self).split(separator: "\n") {
            guard line.hasPrefix(series + " ") else { continue }
            return Double(line.dropFirst(series.count + 1))
        }
        return nil
    }

    func dropped(_ reason: DropReason) -> (envelopes: Double?, bytes: Double?) {
        (
            sample("backplane_relay_dropped_envelopes_total{reason=\"\(reason.rawValue)\"}"),
            sample("backplane_relay_dropped_bytes_total{reason=\"\(reason.rawValue)\"}")
        )
    }
}

func makeMetrics(_ channels: [String] = ["chat"]) -> RelayMetrics {
    RelayMetrics(channels: channels, version: "1.2.3", recordDirectory: nil)
}
