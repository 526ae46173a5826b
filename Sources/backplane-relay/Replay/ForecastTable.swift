import Backplane
import Capture
import Redis
import Replay

/// The forecast of a replay as a table with warnings.
struct ForecastTable {
    let forecast: ReplayForecast
    let target: ReplayTarget
    let options: ReplayOptions

    /// Description of the subscribers on all event keys of the target; nil if there are none.
    var listeners: String? {
        let counts =
            Set(forecast.routes.values.map(\.target)).map { target.subscribers[$0] }
            + Set(forecast.core.routes.values.map(\.target)).map { target.nodes[$0.topic] }
        let known = counts.reduce(0) { $0 + ($1 ?? 0) }
        if known > 0 {
            return
                "\(Format.count(known, "subscriber listens", "subscribers listen")) at the target and will receive all of it"
        }
        return counts.contains(nil) ? "the subscribers at the target are unknown (PUBSUB NUMSUB is denied there)" : nil
    }

    var lines: [String] {
        let server = target.server.map { ", \($0.title), \($0.mode) \($0.role), run_id \($0.runID)" } ?? ""
        var lines = [
            row("target", target.endpoint + server),
            row("envelopes", "\(Format.count(forecast.envelopes)), \(Format.bytes(forecast.bytes))\(rounds)"),
            row("duration", duration),
        ]
        if !forecast.routes.isEmpty || forecast.core.routes.isEmpty { lines.append(row("ids", options.ids.rawValue)) }
        for (captured, route) in forecast.routes.sorted(by: { $0.key < $1.key }) {
            let counter = target.counters[route.target].map { "counter at \($0)" } ?? "counter unknown"
            let listeners =
                target.subscribers[route.target].map { Format.count($0, "subscriber") } ?? "subscribers unknown"
            lines.append(
                row(
                    "channel",
                    "\(captured) -> \(route.target): \(Format.count(route.envelopes, "envelope")), captured ids \(route.firstID)..\(route.lastID); \(counter), \(listeners)"
                ))
        }
        lines += coreLines
        let hubs = forecast.hubs.sorted { ($1.value, $0.key) < ($0.value, $1.key) }
        lines.append(row("recording", recording))
        if !hubs.isEmpty {
            let named = hubs.prefix(10).map { "\($0.key) \(Format.count($0.value))" }.joined(separator: ", ")
            lines.append(row("hubs", named + (hubs.count > 10 ? ", and \(hubs.count - 10) more" : "")))
        }
        return lines
    }

    private var coreLines: [String] {
        var lines: [String] = []
        for (captured, route) in forecast.core.routes.sorted(by: { $0.key < $1.key }) where route.envelopes > 0 {
            let listeners =
                target.nodes[route.target.topic].map { Format.count($0, "subscriber") } ?? "subscribers unknown"
            lines.append(
                row(
                    "hub",
                    "\(PrintableText.line(captured.utf8)) -> \(PrintableText.line(route.target.topic.utf8)): \(Format.count(route.envelopes, "envelope")), no ids (ASP.NET Core); \(listeners)"
                ))
            let protocols = route.protocols.sorted { ($1.value, $0.key) < ($0.value, $1.key) }
                .map { "\(PrintableText.line($0.key.utf8)) \(Format.count($0.value))" }
            if !protocols.isEmpty { lines.append(row("", "protocols: \(protocols.joined(separator: ", "))")) }
        }
        if !forecast.core.leftOut.isEmpty {
            lines.append(row("left out", CoreLeftOutText.list(forecast.core.leftOut)))
        }
        return lines
    }

    /// Reasons why envelopes cannot get the requested frames.
    static func refusal(_ reason: String, _ count: Int) -> String {
        let envelopes = Format.count(count, "envelope")
        return switch reason {
        case "no_frame": "\(envelopes) with a frame of neither JSON nor MessagePack to convert"
        case "malformed", "message_type": "\(envelopes) with a frame that cannot be converted (\(reason))"
        case "too_deep": "\(envelopes) with values nested too deeply to convert"
        case "compressed": "\(envelopes) with compressed values (LZ4), which are not converted"
        default:
            "\(envelopes) with values that have no certain equivalent in the other protocol (\(reason); --allow-untyped)"
        }
    }

    /// Problems of the capture, shown before anything is published.
    var warnings: [String] {
        var warnings: [String] = []
        if forecast.missingIDs > 0 {
            warnings.append(
                "the capture has holes: \(Format.count(forecast.missingIDs, "id is", "ids are")) missing in the part that is read; 'info' lists them"
            )
        }
        if forecast.recording.hasLoss {
            warnings.append("the recording lost envelopes while it should have run; 'info' says which and why")
        }
        warnings += forecast.doubts.lines.prefix(5)
        warnings += forecast.interleaved.map {
            "several counters publish in turn on '\($0)': which ids are missing is unknown, and the channel is replayed in the order of arrival"
        }
        warnings += forecast.damage.prefix(5).map { "damaged: \($0)" }
        if forecast.damage.count > 5 {
            warnings.append("and \(Format.count(forecast.damage.count - 5, "more place")); 'verify' lists them")
        }
        if forecast.skipped > 0 {
            warnings.append(
                "\(Format.count(forecast.skipped, "envelope is", "envelopes are")) not valid (no id, or undecodable) and will not be published"
            )
        }
        return warnings + coreWarnings
    }

    private var coreWarnings: [String] {
        var warnings: [String] = []
        for (captured, route) in forecast.core.routes.sorted(by: { $0.key < $1.key }) {
            for (name, count) in route.lackingProtocol.sorted(by: { $0.key < $1.key }) {
                warnings.append(
                    "\(Format.count(count, "envelope")) of '\(PrintableText.line(captured.utf8))' \(count == 1 ? "lacks" : "lack") a frame of \(PrintableText.line(name.utf8)), which other envelopes contain: nodes disconnect recipients that use that protocol; --protocols adds frames"
                )
            }
        }
        for (reason, count) in forecast.core.refused.sorted(by: { $0.key < $1.key }) {
            warnings.append(Self.refusal(reason, count) + " will not be published")
        }
        return warnings
    }

    private var recording: String {
        switch forecast.recording.isComplete {
        case true: "complete"
        case false: "not complete"
        case nil: "whether it is complete is unknown"
        }
    }

    private var rounds: String {
        switch options.rounds {
        case 1: ""
        case let rounds?: ", \(Format.count(rounds, "time"))"
        case nil: ", forever"
        }
    }

    private var duration: String {
        guard let rated = forecast.ratedNanoseconds else { return "as fast as the target accepts it" }
        return Format.seconds(Double(rated) * 1e-9) + (options.rounds == 1 ? "" : " a round")
    }

    private func row(_ label: String, _ value: String) -> String {
        label.padding(to: 14) + value
    }
}

/// The forecast of a replay as JSON: times in seconds; unknown values are absent.
// Its properties are the keys of the JSON.
// swift-format-ignore: AlwaysUseLowerCamelCase
struct ForecastSummary: Encodable {
    struct Target: Encodable {
        var endpoint: String
        var server: String?
        var mode: String?
        var role: String?
        var run_id: String?
    }

    /// An array, not an object by event key: two keys that differ for a node may be equal for a JSON reader.
    struct Channel: Encodable {
        /// `signalr2` or `core`.
        var backplane: String
        var captured: String
        var target: String
        var envelopes: Int
        /// Absent for ASP.NET Core, whose envelopes have no ids.
        var first_id: UInt64?
        var last_id: UInt64?
        /// Current value of the target.
        var counter: UInt64?
        var subscribers: Int?
        /// ASP.NET Core: envelopes with a frame of this protocol, and those without a frame that other envelopes have.
        var protocols: [String: Int]?
        var lacking_protocol: [String: Int]?
    }

    struct Hub: Encodable {
        var hub: String
        var messages: Int
    }

    /// Nothing was published.
    var dry_run = true
    var target: Target
    /// For one round, like the other values.
    var envelopes: Int
    var bytes: Int
    var skipped: Int
    /// Envelopes of ASP.NET Core that are meaningless on another Redis, by kind; those that cannot get the requested
    /// frames, by reason.
    var left_out: [String: Int]
    var refused: [String: Int]
    /// Absent if the replay runs until stopped.
    var rounds: Int?
    /// Absent at full speed.
    var rated_seconds: Double?
    var ids: String
    var channels: [Channel]
    var hubs: [Hub]
    var missing_ids: UInt64
    var damage: [String]
    var warnings: [String]
    /// True if the selected part of the recording is complete; null if unknown.
    var capture_complete: RecordingVerdict

    init(_ table: ForecastTable) {
        let (forecast, found) = (table.forecast, table.target)
        target = Target(
            endpoint: found.endpoint, server: found.server?.title, mode: found.server?.mode, role: found.server?.role,
            run_id: found.server?.runID)
        envelopes = forecast.envelopes
        bytes = forecast.bytes
        skipped = forecast.skipped
        left_out = ReplaySummary.labels(forecast.core.leftOut)
        refused = forecast.core.refused
        rounds = table.options.rounds
        rated_seconds = forecast.ratedNanoseconds.map { Double($0) * 1e-9 }
        ids = table.options.ids.rawValue
        channels = forecast.routes.sorted { $0.key < $1.key }.map { captured, route in
            Channel(
                backplane: Dialect.signalR2.label, captured: captured, target: route.target, envelopes: route.envelopes,
                first_id: route.firstID,
                last_id: route.lastID, counter: found.counters[route.target],
                subscribers: found.subscribers[route.target])
        }
        channels += forecast.core.routes.sorted { $0.key < $1.key }.map { captured, route in
            Channel(
                backplane: Dialect.core.label, captured: captured, target: route.target.topic,
                envelopes: route.envelopes, subscribers: found.nodes[route.target.topic], protocols: route.protocols,
                lacking_protocol: route.lackingProtocol)
        }
        hubs = forecast.hubs.sorted { ($1.value, $0.key) < ($0.value, $1.key) }.map { Hub(hub: $0, messages: $1) }
        missing_ids = forecast.missingIDs
        damage = forecast.damage
        warnings = table.warnings
        capture_complete = forecast.recording
    }
}
