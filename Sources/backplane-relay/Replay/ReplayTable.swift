import Backplane
import Capture
import Replay

/// The result of a replay as a table.
enum ReplayTable {
    static func text(_ report: ReplayReport) -> String {
        var lines = [
            row("sent", "\(Format.count(report.sent, "envelope")), \(Format.bytes(report.bytes))"),
            row(
                "ids given",
                report.firstID.flatMap { first in report.lastID.map { "\(first)..\($0)" } }
                    ?? (report.sent > 0 ? "none: hubs of ASP.NET Core have no ids" : "none")),
            row(
                "receivers",
                report.reachedNobody
                    ? "none: the target had no subscribers"
                    : "min \(report.receivers.minimum), median \(report.receivers.median), max \(report.receivers.maximum) per publish"
            ),
        ]
        if !report.leftOut.isEmpty { lines.append(row("left out", CoreLeftOutText.list(report.leftOut))) }
        if report.resumedAfter > 0 {
            lines.insert(
                row("resumed", "after \(Format.count(report.resumedAfter, "envelope")) of an earlier run"), at: 0)
        }
        let actual = Double(report.actualNanoseconds) * 1e-9
        if let rated = report.ratedNanoseconds {
            let drift = report.drift.map { ", drift \(Format.decimal($0 * 100, digits: 1)) %" } ?? ""
            lines.append(
                row("duration", "\(Format.seconds(actual)), rated \(Format.seconds(Double(rated) * 1e-9))\(drift)"))
            let late = report.lateness
            lines.append(
                row(
                    "lateness",
                    "p50 \(milliseconds(late.median)), p90 \(milliseconds(late.p90)), p99 \(milliseconds(late.p99)), max \(milliseconds(late.maximum))"
                ))
        } else {
            let rate = actual > 0 ? Double(report.sent) / actual : 0
            lines.append(row("duration", "\(Format.seconds(actual)), \(Format.count(Int(rate)))/s"))
        }
        if report.errors > 0 {
            let end = report.failure == nil ? "recovered" : "the last one ended the replay"
            lines.append(row("errors", "\(Format.count(report.errors)), \(end)"))
        }
        return lines.joined(separator: "\n")
    }

    private static func milliseconds(_ nanoseconds: UInt64) -> String {
        "\(Format.decimal(Double(nanoseconds) * 1e-6, digits: 3)) ms"
    }

    private static func row(_ label: String, _ value: String) -> String {
        label.padding(to: 14) + value
    }
}

/// The result of a replay as JSON: times in seconds.
// Its properties are the keys of the JSON.
// swift-format-ignore: AlwaysUseLowerCamelCase
struct ReplaySummary: Encodable {
    struct Lateness: Encodable {
        var p50: Double
        var p90: Double
        var p99: Double
        var max: Double
    }

    struct Receivers: Encodable {
        var min: UInt64
        var median: UInt64
        var max: UInt64
    }

    var sent: Int
    var bytes: Int
    var resumed_after: Int
    var skipped: Int
    /// Envelopes of ASP.NET Core that are meaningless on another Redis, by kind.
    var left_out: [String: Int]
    /// Envelopes of ASP.NET Core that could not get the requested frames, by reason.
    var refused: [String: Int]
    var first_id: Int64?
    var last_id: Int64?
    var last_captured_id: UInt64?
    var rated_seconds: Double?
    var actual_seconds: Double
    var drift: Double?
    var lateness_seconds: Lateness?
    var receivers: Receivers
    /// True if something was published without subscribers.
    var reached_nobody: Bool
    var errors: Int
    var uncertain: [UInt64?]
    var uncertain_count: Int
    /// Reason for an early end.
    var failure: String?
    var damage: [String]
    var lost: [String]
    var stopped: Bool
    var complete: Bool
    /// True if the selected part of the recording is complete; null if unknown.
    var capture_complete: RecordingVerdict

    init(_ report: ReplayReport) {
        sent = report.sent
        bytes = report.bytes
        resumed_after = report.resumedAfter
        skipped = report.skipped
        left_out = Self.labels(report.leftOut)
        refused = report.refused
        first_id = report.firstID
        last_id = report.lastID
        last_captured_id = report.lastCapturedID
        rated_seconds = report.ratedNanoseconds.map { Double($0) * 1e-9 }
        actual_seconds = Double(report.actualNanoseconds) * 1e-9
        drift = report.drift
        let late = report.lateness
        lateness_seconds =
            late.count == 0
            ? nil
            : Lateness(
                p50: Double(late.median) * 1e-9, p90: Double(late.p90) * 1e-9, p99: Double(late.p99) * 1e-9,
                max: Double(late.maximum) * 1e-9)
        receivers = Receivers(
            min: report.receivers.minimum, median: report.receivers.median, max: report.receivers.maximum)
        reached_nobody = report.reachedNobody
        errors = report.errors
        uncertain = report.uncertain
        uncertain_count = report.uncertainCount
        failure = report.failure
        damage = report.damage
        lost = report.losses
        stopped = report.wasStopped
        complete = report.isComplete
        capture_complete = report.recording
    }

    static func labels(_ counts: [CoreLeftOut: Int]) -> [String: Int] {
        Dictionary(uniqueKeysWithValues: counts.map { ($0.key.rawValue, $0.value) })
    }
}
