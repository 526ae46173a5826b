import Capture
import Loopback

/// Reads the metrics of the demo's relay over HTTP.
struct ScrapedRelay: Sendable {
    let port: Int
    private let channel: String
    /// The series that count each channel's envelopes.
    private let envelopesSeries: [String]

    /// - Parameters:
    ///   - channel: the relay's event key.
    ///   - hub: the relay's hub of ASP.NET Core.
    init(port: Int, channel: String, hub: String) {
        self.port = port
        self.channel = #"{channel="\#(channel)",backplane="signalr2"}"#
        envelopesSeries = [self.channel, #"{channel="\#(hub)",backplane="core"}"#].map {
            "signalr_backplane_envelopes_total" + $0
        }
    }

    /// Returns once the relay has received this many envelopes, or after 10 s.
    func waitUntilReceived(_ count: Int) async throws {
        let deadline = ContinuousClock.now + .seconds(10)
        while ContinuousClock.now < deadline {
            let scrape = try await MetricsScrape.read(port: port)
            if envelopes(scrape) >= count { return }
            try await Task.sleep(for: .milliseconds(20))
        }
    }

    /// The sum of both backplanes.
    private func envelopes(_ scrape: MetricsScrape) -> Int {
        envelopesSeries.reduce(0) { $0 + Int(scrape[$1] ?? 0) }
    }

    /// Reports the live numbers each second, until the task is cancelled.
    func progress(_ report: (String) -> Void) async throws {
        var last = 0
        var lastAt = ContinuousClock.now
        while true {
            try await Task.sleep(for: .seconds(1))
            let scrape = try await MetricsScrape.read(port: port)
            func value(_ series: String) -> Int { Int(scrape[series] ?? 0) }
            // From one scrape, so that the numbers are consistent.
            let seen = envelopes(scrape)
            let waiting = max(0, seen - value("backplane_relay_recorded_envelopes_total"))
            let now = ContinuousClock.now
            let rate = Int((Double(seen - last) / ((now - lastAt) / .seconds(1))).rounded())
            report(
                "live          \(Quantity.text(seen, "envelope")) so far, \(rate)/s; "
                    + "\(Quantity.grouped(seen - waiting)) recorded, \(Quantity.grouped(waiting)) on the way to the disk, "
                    + "\(Quantity.grouped(value("signalr_backplane_missing_ids_total" + channel))) missing, "
                    + "\(value("backplane_relay_written_bytes_total") / 1024) KiB on disk")
            (last, lastAt) = (seen, now)
        }
    }
}
