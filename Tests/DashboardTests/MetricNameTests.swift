import Foundation
import TestSupport
import Testing

@Suite("Metric names of rules and dashboards")
struct MetricNameTests {
    /// Created by Prometheus itself.
    private static let ofPrometheus: Set = ["up", "ALERTS", "ALERTS_FOR_STATE"]

    /// Metrics registered in the sources, found by text search.
    private static let registered: Set<String> = {
        let sources = Repository.folder.appending(path: "Sources")
        let files = FileManager.default.enumerator(at: sources, includingPropertiesForKeys: nil)
        var names: Set<String> = []
        while let file = files?.nextObject() as? URL {
            guard file.pathExtension == "swift", let text = try? String(contentsOf: file, encoding: .utf8) else {
                continue
            }
            for match in text.matches(of: #/"((?:signalr_backplane|backplane_relay|process)_[a-z_]+)"/#) {
                names.insert(String(match.1))
            }
            for match in text.matches(of: #/\bprefix \+ "([a-z_]+)"/#) {
                names.insert("signalr_backplane_" + match.1)
            }
        }
        return names
    }()

    private func unknown(in expression: String, known: Set<String>) -> [String] {
        PromQLScan(expression).selectors.compactMap(\.metric).filter { metric in
            let family = ["_bucket", "_sum", "_count"].first(where: metric.hasSuffix).map { metric.dropLast($0.count) }
            return !known.contains(metric) && !known.contains(String(family ?? ""))
        }
    }

    @Test("every metric of a panel is exported", arguments: Repository.dashboardNames)
    func panels(name: String) throws {
        let known = Self.registered.union(Self.ofPrometheus)
        for (owner, expression) in try Repository.dashboard(name).expressions {
            #expect(unknown(in: expression, known: known).isEmpty, "\(owner)")
        }
    }

    @Test("every metric of a rule is exported or recorded", arguments: ["rules.yaml", "alerts.yaml"])
    func rules(name: String) throws {
        let recorded = try RuleFile(Repository.text("dashboards/prometheus/rules.yaml")).recorded
        let known = Self.registered.union(Self.ofPrometheus).union(recorded)
        let rules = try RuleFile(Repository.text("dashboards/prometheus/" + name)).rules
        #expect(!rules.isEmpty)
        for rule in rules {
            #expect(!PromQLScan(rule.expression).selectors.isEmpty, "\(rule.name)")
            #expect(unknown(in: rule.expression, known: known).isEmpty, "\(rule.name)")
        }
    }

    @Test("a metric that nothing exports is detected")
    func finds() {
        let expression = #"sum(rate(signalr_backplane_gapz_total{channel="up"}[5m])) / x_seconds_count + y_bucket"#
        #expect(
            unknown(in: expression, known: ["x_seconds", "up"]) == ["signalr_backplane_gapz_total", "y_bucket"])
    }

    @Test("every panel's expression is valid", .needs(.promtool), arguments: Repository.dashboardNames)
    func valid(name: String) async throws {
        let expressions = try Repository.dashboard(name).expressions.map(\.expression)
        #expect(!expressions.isEmpty)
        var rules = "groups:\n  - name: panels\n    rules:\n"
        for (index, expression) in expressions.enumerated() {
            let plain = ["$__rate_interval", "$__range"].reduce(expression) { $0.replacing($1, with: "5m") }
            rules += "      - record: panel\(index)\n        expr: |\n"
            for line in plain.split(separator: "\n") { rules += "          \(line)\n" }
        }
        try await TemporaryDirectory.with { [rules] folder in
            try rules.write(toFile: folder + "/rules.yaml", atomically: false, encoding: .utf8)
            let check = try await Finished.running(.promtool, ["check", "rules", folder + "/rules.yaml"])
            #expect(check.exit == .code(0), "\(check.output)\(check.errors)")
        }
    }
}
