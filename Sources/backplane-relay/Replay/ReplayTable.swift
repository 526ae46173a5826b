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
