import Foundation
import TestSupport
import Testing

@Suite("Alerts")
struct AlertTests {
    private static let folder = Repository.prometheus.path
    private static let alerts = (try? RuleFile(Repository.text("dashboards/prometheus/alerts.yaml")).alerts) ?? []
    private static let names = alerts.map(\.name)

    @Test("promtool accepts the rules", .needs(.promtool))
    func rules() async throws {
        let check = try await Finished.running(
            .promtool, ["check", "rules", "--lint-fatal", Self.folder + "/rules.yaml", Self.folder + "/alerts.yaml"])
        #expect(check.exit == .code(0), "\(check.output)\(check.errors)")
    }

    @Test("promtool accepts the example configuration", .needs(.promtool))
    func configuration() async throws {
        let check = try await Finished.running(.promtool, ["check", "config", Self.folder + "/prometheus.yaml"])
        #expect(check.exit == .code(0), "\(check.output)\(check.errors)")
    }

    @Test("the alerts fire when they should, and only then", .needs(.promtool))
    func behaviour() async throws {
        // Takes about ten seconds of one core; CI has less than one.
        let check = try await Finished.running(
            .promtool, ["test", "rules", Self.folder + "/tests.yaml"], within: .seconds(240))
        #expect(check.exit == .code(0), "\(check.output)\(check.errors)")
    }

    @Test("each alert has a test in which it fires and one in which it does not", arguments: names)
    func tested(name: String) throws {
        let lines = try Repository.text("dashboards/prometheus/tests.yaml").split(separator: "\n")
        var outcomes: Set<String> = []
        for (line, next) in zip(lines, lines.dropFirst()) where line.hasSuffix(" alertname: \(name)") {
            outcomes.insert(next.hasSuffix("[]") ? "silent" : "fires")
        }
        #expect(outcomes == ["silent", "fires"])
        // Silence before the alert fires is not enough: a separate case is required.
        #expect(lines.contains { $0.contains("'\(name) does not fire") })
    }

    @Test("every tested alert exists")
    func noStrayTest() throws {
        let tested = try Repository.text("dashboards/prometheus/tests.yaml").split(separator: "\n")
            .filter { $0.contains(" alertname: ") }.compactMap { $0.split(separator: " ").last.map(String.init) }
        #expect(Set(tested) == Set(Self.names))
        #expect(Set(Self.names).count == Self.names.count)
    }

    @Test("each alert has a fixed summary, a description with values, and a runbook URL", arguments: names)
    func annotations(name: String) throws {
        let alert = try #require(Self.alerts.first { $0.name == name })
        #expect(name.hasPrefix("Backplane") && name.allSatisfy { $0.isLetter })
        #expect(["critical", "warning", "info"].contains(alert.fields["severity"]))
        let summary = try #require(alert.fields["summary"])
        #expect(!summary.contains("{{") && summary.hasSuffix("."))
        let description = try #require(alert.fields["description"])
        #expect(description.contains("{{ $labels.instance }}") || description.contains("$labels.instance"))
        // Scheme and host are changed in one place: an external label.
        let manual = #"{{ or $externalLabels.manual (printf "http://%s/manual" $labels.instance) }}"#
        let place = "/metrics-and-alerts#\(name.lowercased())"
        // Without a target there is no instance to link to.
        let instance = #"(and $labels.instance (printf "http://%s/manual" $labels.instance))"#
        let link =
            name == "BackplaneRelayAbsent"
            ? "{{ with or $externalLabels.manual \(instance) }}{{ . }}\(place){{ end }}" : manual + place
        #expect(alert.fields["runbook_url"] == "'\(link)'")
        let article = try Repository.text("Sources/backplane-relay/Documentation.docc/MetricsAndAlerts.md")
        #expect(article.contains("| <a id=\"\(name.lowercased())\"></a>\(name) |"))
    }
}
