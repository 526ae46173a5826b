import Backplane
import Capture
import Redis
import Replay

/// What a replay would do, for machines: times in seconds; what is not known is absent.
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

    /// Captured event keys are no keys of an object: two that a real node tells apart may be the same to a JSON reader.
    struct Channel: Encodable {
        /// `signalr2` or `core`.
        var backplane: String
        var captured: String
        var target: String
        var envelopes: Int
        /// Absent where the wire has no ids.
        var first_id: UInt64?
        var last_id: UInt64?
        /// Of the target, now.
        var counter: UInt64?
        var subscribers: Int?
        /// Of ASP.NET Core: envelopes that carry a frame of it, and those that lack one that others carry.
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
    /// Of one round, as the rest is.
    var envelopes: Int
    var bytes: Int
    var skipped: Int
    /// Envelopes of ASP.NET Core that mean nothing at another Redis, by kind; those that cannot get the frames asked for, by
    /// reason.
    var left_out: [String: Int]
    var refused: [String: Int]
    /// Absent where it goes on until it is stopped.
    var rounds: Int?
    /// Absent at full speed.
    var rated_seconds: Double?
    var ids: String
    var channels: [Channel]
    var hubs: [Hub]
    var missing_ids: UInt64
    var damage: [String]
    var warnings: [String]
    /// Whether the recording is whole in what is selected: true, false, or null where it cannot be told.
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
