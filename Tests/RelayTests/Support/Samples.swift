import Backplane
import Logging
import Prometheus

@testable import Relay

/// The metrics of all parts of a relay, as they register them.
struct RelayMetrics {
    let context: RelayContext
    let intake: IntakeMetrics
    let observing: ObservingMetrics
    let recording: RecordingMetrics
    let storage: StorageMetrics

    init(_ names: [String], records: Bool) {
        let channels = names.map { BackplaneChannel.signalR2(key: $0) }
        context = RelayContext(
            attached: AttachedChannels(channels), registry: Registry(), status: RelayStatus(records: records),
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
        intake = IntakeMetrics(context.registry)
        observing = ObservingMetrics(context.registry, channels: channels)
        recording = RecordingMetrics(context.registry, drops: intake.drops)
        storage = StorageMetrics(context.registry)
    }

    var registry: Registry { context.registry }
    var channels: [ChannelMetrics] { observing.channels }

    /// The value of one series as a scrape shows it; nil if there is none.
    func sample(_ series: String) -> Double? {
        let line = String(decoding: registry.expose(.text), as: UTF8.self).split(separator: "\n").first {
            $0.hasPrefix(series + " ")
        }
        return line.flatMap { Double($0.dropFirst(series.count + 1)) }
    }

    func dropped(_ reason: DropReason) -> (envelopes: Double?, bytes: Double?) {
        (
            sample("backplane_relay_dropped_envelopes_total{reason=\"\(reason.rawValue)\"}"),
            sample("backplane_relay_dropped_bytes_total{reason=\"\(reason.rawValue)\"}")
        )
    }
}

/// - Parameter records: whether the relay is told to record.
func makeMetrics(_ channels: [String] = ["chat"], records: Bool = true) -> RelayMetrics {
    RelayMetrics(channels, records: records)
}
