import NIOConcurrencyHelpers
import Prometheus
import Redis
import Time

/// Metrics of the link to the replication stream; registered only for a relay that uses it.
struct TapMetrics: Sendable {
    /// Longest time shown for what the backlog holds: a server without writes has no rate.
    static let longestBacklog = 604_800.0

    /// The figures at the last call; a new link counts from 0.
    private struct Counted {
        var figures = TapFigures()
        var lost = 0
    }

    private let isUp: Gauge
    private let offset: Family<Gauge>
    private let lagBytes: Family<Gauge>
    private let lagSeconds: Family<Gauge>
    private let backlogSeconds: Family<Gauge>
    private let backlogBytes: Family<Gauge>
    private let syncs: Family<Counter>
    private let commands: Family<Counter>
    private let streamBytes: Counter
    private let losses: Counter
    private let lostBytes: Counter
    private let counted = NIOLockedValueBox(Counted())

    init(_ registry: Registry) {
        isUp = registry.gauge(
            "backplane_relay_tap_up",
            help:
                "1 while the channels come from the replication stream; 0 while they come from a subscription instead, or not at all: see signalr_backplane_up."
        )
        offset = registry.gaugeFamily(
            "backplane_relay_tap_offset_bytes",
            help: "Offset in the replication stream up to which everything was received.",
            labels: [])
        lagBytes = registry.gaugeFamily(
            "backplane_relay_tap_lag_bytes",
            help: "Bytes of the replication stream that the server has written and the relay has not received.",
            labels: [])
        lagSeconds = registry.gaugeFamily(
            "backplane_relay_tap_lag_seconds",
            help:
                "Age of the oldest part of the replication stream that has not been received, measured every 2.5 s; 0 if nothing is outstanding.",
            labels: [])
        backlogSeconds = registry.gaugeFamily(
            "backplane_relay_tap_backlog_seconds",
            help:
                "How long an outage of the link may last without loss: what the server's backlog holds at the write rate of the last minute; at most 7 days. Raise repl-backlog-size if it is low.",
            labels: [])
        backlogBytes = registry.gaugeFamily(
            "backplane_relay_tap_backlog_bytes", help: "Size of the server's replication backlog (repl-backlog-size).",
            labels: [])
        syncs = registry.counterFamily(
            "backplane_relay_tap_syncs_total",
            help:
                "Attachments to the replication stream by kind: partial continues or joins it and costs the server nothing; full makes the server fork.",
            labels: ["kind"])
        for kind in ["partial", "full"] { _ = syncs.with(kind) }
        commands = registry.counterFamily(
            "backplane_relay_tap_commands_total",
            help:
                "Commands in the replication stream by class: publish is PUBLISH on the watched channels; of the others nothing is kept.",
            labels: ["class"])
        for kind in TapFigures.CommandClass.allCases { _ = commands.with(kind.rawValue) }
        streamBytes = registry.counter(
            "backplane_relay_tap_bytes_total", help: "Bytes of the replication stream read: all that the server writes."
        )
        losses = registry.counter(
            "backplane_relay_tap_losses_total",
            help:
                "Number of times that part of the replication stream was lost, because the backlog of the server no longer had it: what was published in it is missing."
        )
        lostBytes = registry.counter(
            "backplane_relay_tap_lost_bytes_total",
            help: "Bytes of the replication stream that were lost, where known.")
    }

    /// A new link begins to count.
    func began() { counted.withLockedValue { $0.figures = TapFigures() } }

    /// Adds what was counted since the last call.
    func count(_ figures: TapFigures) {
        let last = counted.withLockedValue { counted in
            defer { counted.figures = figures }
            return counted.figures
        }
        for kind in TapFigures.CommandClass.allCases {
            commands.with(kind.rawValue).increment(by: max(0, figures.commands[kind] - last.commands[kind]))
        }
        streamBytes.increment(by: max(0, Int(clamping: figures.streamBytes - last.streamBytes)))
        syncs.with("partial").increment(by: max(0, figures.partialSyncs - last.partialSyncs))
        syncs.with("full").increment(by: max(0, figures.fullSyncs - last.fullSyncs))
    }

    func lost(bytes: Int64?) {
        losses.increment()
        if let bytes { lostBytes.increment(by: max(0, Int(clamping: bytes))) }
    }

    /// - Parameter isCarrying: whether the channels come from the stream.
    func show(isCarrying: Bool, position: ReplicationPosition?) {
        isUp.set(isCarrying ? 1 : 0)
        if let position { offset.with().set(Double(position.offset)) } else { offset.remove() }
    }

    /// - Parameter reading: nil if the server did not answer.
    func show(_ reading: TapHeadroom.Reading?) {
        Self.set(lagBytes, reading.map { Double($0.lagBytes) })
        Self.set(lagSeconds, reading.map(\.lagSeconds))
        Self.set(backlogBytes, reading.map { Double($0.backlogBytes) })
        Self.set(backlogSeconds, reading?.backlogSeconds)
    }

    private static func set(_ family: Family<Gauge>, _ value: Double?) {
        if let value { family.with().set(value) } else { family.remove() }
    }
}

/// How far a link is behind, and how long an outage the server's backlog covers, from successive answers of the
/// server. A value without I/O; times are nanoseconds on the monotonic clock.
struct TapHeadroom {
    struct Reading: Equatable {
        var lagBytes: Int64
        var lagSeconds: Double
        var backlogBytes: Int64
        /// nil until there is a rate.
        var backlogSeconds: Double?
    }

    private static let span: UInt64 = 60_000_000_000

    /// Offsets of the server in the last minute, the oldest first.
    private var offsets: [(at: UInt64, offset: Int64)] = []
    private var history: String?
    /// Offsets that were outstanding, with the time when they were written at the latest.
    private var outstandingSince: (at: UInt64, offset: Int64)?

    /// - Parameters:
    ///   - report: the server's current report.
    ///   - position: up to which all has been received; nil without a link.
    /// - Returns: nil if the report lacks something.
    mutating func look(_ report: ReplicationReport, position: ReplicationPosition?, at now: UInt64) -> Reading? {
        guard let size = report.backlogBytes else { return nil }
        let end = report.offset
        if history != report.history || offsets.last.map({ $0.offset > end }) == true {
            offsets = []
            outstandingSince = nil
        }
        history = report.history
        offsets.append((now, end))
        while offsets.count > 2, offsets[1].at + Self.span <= now { offsets.removeFirst() }
        let lag = position.map { max(0, end - $0.offset) } ?? 0
        if let since = outstandingSince, (position?.offset ?? .max) >= since.offset { outstandingSince = nil }
        if lag > 0, outstandingSince == nil { outstandingSince = (now, end) }
        return Reading(
            lagBytes: lag, lagSeconds: outstandingSince.map { Double(now - $0.at) * 1e-9 } ?? 0, backlogBytes: size,
            backlogSeconds: bytesPerSecond.map { rate in
                rate > 0 ? min(Double(size) / rate, TapMetrics.longestBacklog) : TapMetrics.longestBacklog
            })
    }

    /// Write rate of the last minute; nil below two answers.
    private var bytesPerSecond: Double? {
        guard let first = offsets.first, let last = offsets.last, last.at > first.at else { return nil }
        return Double(last.offset - first.offset) / (Double(last.at - first.at) * 1e-9)
    }
}
