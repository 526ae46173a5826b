import Foundation
import Testing

@Suite("Lint of the dashboards")
struct DashboardLintTests {
    @Test("there are three dashboards, each with its own uid and title")
    func dashboards() throws {
        #expect(Repository.dashboardNames == ["backplane.json", "hub-and-probe.json", "relay.json"])
        let all = try Repository.dashboardNames.map(Repository.dashboard)
        #expect(Set(all.map(\.uid)).count == all.count)
        #expect(Set(all.map(\.title)).count == all.count)
    }

    @Test("each dashboard keeps each rule", arguments: Repository.dashboardNames, DashboardRule.allCases)
    func keeps(name: String, rule: DashboardRule) throws {
        let findings = try DashboardLint.findings(in: Repository.dashboard(name)).filter { $0.rule == rule }
        #expect(findings.isEmpty)
    }

    @Test("JSON is indented by two spaces", arguments: Repository.dashboardNames)
    func format(name: String) throws {
        let lines = try Repository.text("dashboards/grafana/\(name)").split(
            separator: "\n", omittingEmptySubsequences: false)
        #expect(lines.last == "")
        for line in lines { #expect(line.prefix { $0 == " " }.count.isMultiple(of: 2) && line.last != " ") }
    }

    @Test("the lint accepts a valid dashboard")
    func sound() throws {
        let dashboard = try Dashboard(json: Data(Self.sound.utf8))
        #expect(DashboardLint.findings(in: dashboard).isEmpty)
    }

    @Test("the lint detects each violation, and only that", arguments: DashboardRule.allCases)
    func finds(rule: DashboardRule) throws {
        let damage = try #require(Self.damages[rule])
        for (from, to) in damage {
            #expect(Self.sound.contains(from))
            let broken = Self.sound.replacing(from, with: to)
            let findings = try DashboardLint.findings(in: Dashboard(json: Data(broken.utf8)))
            #expect(Set(findings.map(\.rule)) == [rule], "\(from) -> \(to)")
        }
    }

    /// The text to replace in ``sound``, and its replacement.
    private static let damages: [DashboardRule: [(from: String, to: String)]] = [
        .uneditable: [(#""editable": false"#, #""editable": true"#), (#""editable": false,"#, "")],
        .schemaVersion: [(#""schemaVersion": 39"#, #""schemaVersion": 16"#)],
        .templateDatasource: [
            (#""label": "Data source""#, #""label": "Source""#), (#""query": "prometheus""#, #""query": "loki""#),
        ],
        .templateJob: [(#""name": "job", "label": "Job""#, #""name": "job", "label": "job""#)],
        .templateInstance: [
            (#""multi": true, "allValue": ".+", "x": "instance""#, #""multi": true, "allValue": ".*""#)
        ],
        .templateChannel: [(#""multi": true, "allValue": ".+", "x": "channel""#, #""multi": false, "allValue": ".+""#)],
        .templateLabelPromQL: [("label_values(up, job)", "up")],
        .templateReload: [(#""refresh": 2, "x": "job""#, #""refresh": 1"#)],
        .panelDatasource: [
            (#""datasource": {"type": "prometheus", "uid": "${datasource}"}, "x": "panel""#, #""x": "panel""#),
            (
                #"{"type": "prometheus", "uid": "${datasource}"}, "x": "target""#,
                #"{"type": "prometheus", "uid": "a1b2"}"#
            ),
        ],
        .panelTitleDescription: [
            (#""title": "Envelopes""#, #""title": """#), (#""description": "Check Redis.","#, ""),
        ],
        .panelUnits: [(#""unit": "cps""#, #""unit": """#), (#""unit": "cps""#, #""unit": "envelopes""#)],
        .panelNoTargets: [(#""targets": [{"#, #""targets": [], "x": [{"#)],
        .targetRateInterval: [("[$__rate_interval]", "[5m]")],
        .targetJob: [(#"job=~\"$job\""#, #"job=\"$job\""#), (#"job=~\"$job\", "#, "")],
        .targetInstance: [(#"instance=~\"$instance\""#, #"instance=~\"a|b\""#)],
        .templateBackplane: [
            (#""allValue": ".*", "x": "backplane""#, #""allValue": ".+""#),
            (#""name": "backplane", "label": "Backplane""#, #""name": "backplane", "label": "Dialect""#),
        ],
        .targetBackplane: [(#", backplane=~\"$backplane\""#, "")],
        .targetChannel: [(#", channel=~\"$channel\""#, "")],
        .targetCounterAggregation: [("rate(", "max_over_time(")],
        .panelIDs: [(#""id": 2"#, #""id": 1"#)],
        .panelLayout: [(#""x": 12"#, #""x": 11"#), (#""x": 12"#, #""x": 13"#)],
    ]

    private static let sound = #"""
        {
          "uid": "u", "title": "t", "schemaVersion": 39, "editable": false,
          "templating": {"list": [
            {"name": "datasource", "label": "Data source", "type": "datasource", "query": "prometheus"},
            {"name": "job", "label": "Job", "type": "query", "query": "label_values(up, job)",
             "datasource": {"type": "prometheus", "uid": "${datasource}"},
             "multi": true, "allValue": ".+", "refresh": 2, "x": "job"},
            {"name": "instance", "label": "Instance", "type": "query", "query": "label_values(up{job=~\"$job\"}, instance)",
             "datasource": {"type": "prometheus", "uid": "${datasource}"},
             "refresh": 2, "multi": true, "allValue": ".+", "x": "instance"},
            {"name": "backplane", "label": "Backplane", "type": "query", "query": "label_values(up, backplane)",
             "datasource": {"type": "prometheus", "uid": "${datasource}"},
             "refresh": 2, "multi": true, "allValue": ".*", "x": "backplane"},
            {"name": "channel", "label": "Channel", "type": "query", "query": "label_values(up, channel)",
             "datasource": {"type": "prometheus", "uid": "${datasource}"},
             "refresh": 2, "multi": true, "allValue": ".+", "x": "channel"}
          ]},
          "panels": [
            {"id": 3, "type": "row", "title": "Row", "gridPos": {"x": 0, "y": 0, "w": 24, "h": 1}},
            {"id": 1, "type": "timeseries", "title": "Envelopes", "description": "Check Redis.",
             "datasource": {"type": "prometheus", "uid": "${datasource}"}, "x": "panel",
             "gridPos": {"x": 0, "y": 1, "w": 12, "h": 8}, "fieldConfig": {"defaults": {"unit": "cps"}},
             "targets": [{"datasource": {"type": "prometheus", "uid": "${datasource}"}, "x": "target",
               "expr": "sum by (channel) (rate(signalr_backplane_gaps_total{job=~\"$job\", instance=~\"$instance\", channel=~\"$channel\", backplane=~\"$backplane\"}[$__rate_interval]))"}]},
            {"id": 2, "type": "stat", "title": "Up", "description": "Check Redis.",
             "datasource": {"type": "prometheus", "uid": "${datasource}"},
             "gridPos": {"x": 12, "y": 1, "w": 12, "h": 8}, "fieldConfig": {"defaults": {"unit": "none"}},
             "targets": [{"datasource": {"type": "prometheus", "uid": "${datasource}"},
               "expr": "up{job=~\"$job\", instance=~\"$instance\"}"}]}
          ]
        }
        """#
}
