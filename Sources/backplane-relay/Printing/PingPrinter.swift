import Backplane
import Check
import FoundationEssentials

/// Writes the result of a check by pings to standard output, and its faults to standard error too.
struct PingPrinter: Sendable {
    let json: Bool

    func print(_ report: PingReport) throws {
        try CheckPrinter.write(report, json: json, table: table)
        CheckPrinter.list("wrong", report.faults)
    }

    private func table(_ report: PingReport) -> String {
        var rows = [["node", "connection", "pings", "answered", "median", "max", "result"]]
        rows += report.rows.map { row in
            [
                [row.node, row.url].compactMap { $0 }.joined(separator: " "), row.connection ?? "-",
                Format.count(row.pings), Format.count(row.answered), row.medianSeconds.map(Format.seconds) ?? "-",
                row.longestSeconds.map(Format.seconds) ?? "-", row.result,
            ]
        }
        // The node of a connection that was only found is unknown.
        if report.rows.allSatisfy({ $0.node == nil }) { rows = rows.map { Array($0.dropFirst()) } }
        var lines = ["hub         \(report.hub) on \(report.redis)", ""]
        lines += Self.aligned(rows, leading: rows[0].count - 5)
        lines += ["", "duration    \(Format.seconds(report.durationSeconds))"]
        lines.append("\((report.verdict.title + "  ").padding(to: 12))\(meaning(report))")
        return lines.joined(separator: "\n")
    }

    /// - Parameter leading: number of columns with text; the others have numbers, but for the last.
    private static func aligned(_ rows: [[String]], leading: Int) -> [String] {
        let widths = rows[0].indices.map { column in rows.map { $0[column].count }.max() ?? 0 }
        return rows.map { row in
            row.enumerated().map { column, text in
                let space = String(repeating: " ", count: widths[column] - text.count)
                return column < leading ? text + space : column == row.count - 1 ? text : space + text
            }.joined(separator: "  ")
        }
    }

    private func meaning(_ report: PingReport) -> String {
        guard report.verdict == .pass else {
            return "\(Format.count(report.faults.count, "thing is wrong", "things are wrong")); see below"
        }
        return report.rows.contains { $0.node != nil }
            ? "every node receives from Redis and answers"
            : "every connection's node receives from Redis and answers"
    }
}
