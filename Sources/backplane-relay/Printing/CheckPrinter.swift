import Backplane
import Check
import FoundationEssentials

/// Writes an outcome to standard output, and losses and faults to standard error too.
struct CheckPrinter: Sendable {
    private static let listed = 50

    let json: Bool

    func print(_ outcome: CheckOutcome) throws {
        try Self.write(outcome, json: json, table: table)
        if !json { for note in outcome.notes.prefix(Self.listed) { StandardError.print("note: \(note)") } }
        Self.list("lost", outcome.lossLines)
        Self.list("wrong", outcome.faults)
    }

    /// Writes a result to standard output, as one JSON object or as a table.
    static func write<Result: Encodable>(_ result: Result, json: Bool, table: (Result) -> String) throws {
        let text: String
        if json {
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
            text = PrintableText.json(String(decoding: try encoder.encode(result), as: UTF8.self))
        } else {
            text = PrintableText.lines(table(result))
        }
        var output = StandardOutput()
        try output.append { $0 += (text + "\n").utf8 }
        try output.flush()
    }

    /// Writes lines to standard error, up to a limit.
    static func list(_ label: String, _ lines: [String]) {
        for line in lines.prefix(listed) { StandardError.print("\(label): \(line)") }
        if lines.count > listed {
            StandardError.print("\(label): and \(Format.count(lines.count - listed)) more; --json lists them")
        }
    }

    private func table(_ outcome: CheckOutcome) -> String {
        var lines = outcome.nodes
        lines.append("")
        let width = max(6, outcome.rows.map(\.over.count).max() ?? 0) + 2
        lines.append(line("check", "over", "expected", "received", "result", width: width))
        for row in outcome.rows {
            lines.append(
                line(
                    row.check.title, row.over, Format.count(row.expected), Format.count(row.received), row.result,
                    width: width))
        }
        lines.append("")
        if let latency = outcome.latency {
            lines.append(
                "latency     p50 \(Format.seconds(latency.p50Seconds)), p99 \(Format.seconds(latency.p99Seconds)), "
                    + "max \(Format.seconds(latency.maxSeconds)) over \(Format.count(latency.deliveries, "delivery", "deliveries"))"
            )
        }
        lines.append("duration    \(Format.seconds(outcome.durationSeconds))")
        lines.append("\((outcome.verdict.title + "  ").padding(to: 12))\(meaning(outcome))")
        return lines.joined(separator: "\n")
    }

    private func line(
        _ check: String, _ over: String, _ expected: String, _ received: String, _ result: String, width: Int
    ) -> String {
        check.padding(to: 12) + over.padding(to: width) + right(expected) + right(received) + "  " + result
    }

    private func right(_ text: String) -> String {
        String(repeating: " ", count: max(0, 10 - text.count)) + text
    }

    private func meaning(_ outcome: CheckOutcome) -> String {
        switch outcome.verdict {
        case .pass: return "everything arrived once, in order, where it should and nowhere else"
        case .passWithLoss:
            return
                "\(Format.count(outcome.losses.count, "delivery is", "deliveries are")) missing; their nodes were \(outcome.losses.allSatisfy(\.hasID) ? "deaf for these ids" : "cut off from Redis at these times") and say so"
        case .fail:
            let unexplained = outcome.losses.count { !$0.isExplained }
            let parts = [
                unexplained == 0 ? nil : Format.count(unexplained, "delivery is lost", "deliveries are lost"),
                outcome.faults.isEmpty ? nil : Format.count(outcome.faults.count, "thing is wrong", "things are wrong"),
            ]
            return "\(parts.compactMap { $0 }.joined(separator: ", ")); see below"
        }
    }
}
