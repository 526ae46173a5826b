import Backplane
import Capture
import Redis
import Replay

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
