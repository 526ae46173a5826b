import Backplane
import Logging
import Prometheus

@testable import Relay

/// The metrics of all parts of a relay, as registered by the parts.
struct RelayMetrics {
    let context: RelayContext
    let intake: IntakeMetrics
    let observing: ObservingMetrics
    let recording: RecordingMetrics
    let storage: StorageMetrics

    init(_ channels: [BackplaneChannel], records: Bool) {
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

    /// Of the first channel, an event key of SignalR 2.
    func observer(lastID: UInt64? = nil) -> ChannelObserver {
        guard let own = channels[0].signalR2 else { preconditionFailure("the first channel is a hub") }
        return ChannelObserver(metrics: channels[0], own: own, lastID: lastID)
    }

    /// The value of one series in a scrape; nil if it does not exist.
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

/// - Parameter records: whether the relay is configured to record.
func makeMetrics(_ channels: [String] = ["chat"], records: Bool = true) -> RelayMetrics {
    RelayMetrics(channels.map { .signalR2(key: $0) }, records: records)
}

/// - Parameter hubs: of ASP.NET Core.
func makeMetrics(hubs: [CoreHub], records: Bool = true) -> RelayMetrics {
    RelayMetrics(hubs.map { .core($0) }, records: records)
}

extension RelayMetrics {
    /// Of the first channel, a hub of ASP.NET Core.
    func coreObserver() -> CoreObserver {
        guard let own = channels[0].core, let hub = channels[0].source.hub else {
            preconditionFailure("the first channel is no hub")
        }
        return CoreObserver(metrics: channels[0], own: own, hub: hub)
    }

    /// All series of a scrape whose names have this prefix, as written.
    func series(_ prefix: String = "signalr_backplane_") -> [String: Double] {
        var series: [String: Double] = [:]
        for line in String(decoding: registry.expose(.text), as: UTF8.self).split(separator: "\n")
        where line.hasPrefix(prefix) {
            guard let space = line.lastIndex(of: " ") else { continue }
            series[String(line[..<space])] = Double(line[line.index(after: space)...])
        }
        return series
    }
}
