/// The rules of grafana/dashboard-linter that concern Prometheus dashboards, and some of this project.
struct DashboardLint {
    struct Finding: CustomStringConvertible {
        var rule: DashboardRule
        var text: String

        var description: String { "\(rule.rawValue): \(text)" }
    }

    let dashboard: Dashboard
    private(set) var findings: [Finding] = []

    static func findings(in dashboard: Dashboard) -> [Finding] {
        var lint = DashboardLint(dashboard: dashboard)
        lint.run()
        return lint.findings
    }

    private init(dashboard: Dashboard) {
        self.dashboard = dashboard
    }

    private mutating func demand(_ condition: Bool, _ rule: DashboardRule, _ text: String) {
        if !condition { findings.append(Finding(rule: rule, text: text)) }
    }

    private mutating func run() {
        demand(dashboard.editable == false, .uneditable, "it is editable")
        demand(dashboard.schemaVersion == 39, .schemaVersion, "it has schemaVersion \(dashboard.schemaVersion)")
        variables()
        for panel in dashboard.panels where !panel.isRow { check(panel) }
        for (owner, expression) in dashboard.expressions { check(expression, of: owner) }
        layout()
    }

    // MARK: Variables

    private mutating func variables() {
        let sources = dashboard.templating.list.filter { $0.type == "datasource" }
        demand(
            sources.count == 1 && sources[0].name == "datasource" && sources[0].label == "Data source"
                && sources[0].query == "prometheus",
            .templateDatasource, "it has no variable 'datasource', labelled 'Data source', of type prometheus")
        variable("job", label: "Job", rule: .templateJob)
        variable("instance", label: "Instance", rule: .templateInstance)
        // Also matches series of earlier versions without the label.
        variable("backplane", label: "Backplane", all: ".*", rule: .templateBackplane)
        variable("channel", label: "Channel", rule: .templateChannel)
        for variable in dashboard.templating.list where variable.type == "query" {
            demand(variable.refresh == 2, .templateReload, "'\(variable.name)' does not follow the time range")
            demand(
                variable.query?.hasPrefix("label_values(") == true
                    && variable.query?.hasSuffix(", \(variable.name))") == true,
                .templateLabelPromQL, "'\(variable.name)' asks '\(variable.query ?? "")'")
        }
    }

    private mutating func variable(_ name: String, label: String, all: String = ".+", rule: DashboardRule) {
        guard let variable = dashboard.templating.list.first(where: { $0.name == name }) else {
            return demand(false, rule, "the variable '\(name)' is missing")
        }
        demand(variable.type == "query", rule, "'\(name)' is no query")
        demand(variable.datasource?.uid == "${datasource}", rule, "'\(name)' does not use ${datasource}")
        demand(variable.label == label, rule, "'\(name)' is not labelled '\(label)'")
        demand(variable.multi == true, rule, "'\(name)' takes one value only")
        demand(variable.allValue == all, rule, "all of '\(name)' is not '\(all)'")
    }

    // MARK: Panels

    private mutating func check(_ panel: Dashboard.Panel) {
        let name = "'\(panel.title ?? "")' (\(panel.id))"
        demand(
            panel.title?.isEmpty == false && panel.description?.isEmpty == false, .panelTitleDescription,
            "\(name) has no title or no description")
        demand(Self.units.contains(panel.unit ?? ""), .panelUnits, "\(name) has unit '\(panel.unit ?? "")'")
        demand(panel.targets?.isEmpty == false, .panelNoTargets, "\(name) asks nothing")
        for source in [panel.datasource] + (panel.targets ?? []).map(\.datasource) {
            demand(
                source?.uid == "${datasource}" && source?.type == "prometheus", .panelDatasource,
                "\(name) does not use ${datasource}")
        }
    }

    /// The units of Grafana that are used here.
    private static let units: Set = [
        "none", "short", "percentunit", "bytes", "Bps", "s", "cps", "cpm", "ops", "dateTimeFromNow",
    ]

    // MARK: Expressions

    private mutating func check(_ expression: String, of owner: String) {
        for selector in PromQLScan(expression).selectors {
            let metric = selector.metric ?? ""
            let name = "\(metric.isEmpty ? "a selector" : metric) in '\(owner)'"
            demand(selector.matchers.contains(#"job=~"$job""#), .targetJob, name)
            demand(selector.matchers.contains(#"instance=~"$instance""#), .targetInstance, name)
            if metric.hasPrefix("signalr_backplane_") || metric == "backplane_relay_forwarded_envelopes_total" {
                demand(selector.matchers.contains(#"channel=~"$channel""#), .targetChannel, name)
            }
            if metric.hasPrefix("signalr_backplane_") {
                demand(selector.matchers.contains(#"backplane=~"$backplane""#), .targetBackplane, name)
            }
            if ["rate", "irate"].contains(selector.function) {
                demand(selector.range == "$__rate_interval", .targetRateInterval, name)
            }
            if metric.hasSuffix("_total") {
                demand(
                    selector.range != nil && ["rate", "irate", "increase"].contains(selector.function),
                    .targetCounterAggregation, name)
            }
        }
    }

    // MARK: Layout

    private mutating func layout() {
        let ids = dashboard.panels.map(\.id)
        demand(Set(ids).count == ids.count, .panelIDs, "an id is there twice")
        for (index, panel) in dashboard.panels.enumerated() {
            let place = panel.gridPos
            demand(
                place.x >= 0 && place.w > 0 && place.h > 0 && place.x + place.w <= 24, .panelLayout,
                "panel \(panel.id) is not on the grid")
            for other in dashboard.panels[..<index].map(\.gridPos) {
                demand(
                    place.x >= other.x + other.w || other.x >= place.x + place.w || place.y >= other.y + other.h
                        || other.y >= place.y + place.h,
                    .panelLayout, "panel \(panel.id) lies on another one")
            }
        }
    }
}

/// The rules for dashboards. Those of grafana/dashboard-linter keep their names.
enum DashboardRule: String, CaseIterable {
    case uneditable = "uneditable-dashboard"
    case templateDatasource = "template-datasource-rule"
    case templateJob = "template-job-rule"
    case templateInstance = "template-instance-rule"
    case templateLabelPromQL = "template-label-promql-rule"
    case templateReload = "template-on-time-change-reload-rule"
    case panelDatasource = "panel-datasource-rule"
    case panelTitleDescription = "panel-title-description-rule"
    case panelUnits = "panel-units-rule"
    case panelNoTargets = "panel-no-targets-rule"
    case targetRateInterval = "target-rate-interval-rule"
    case targetJob = "target-job-rule"
    case targetInstance = "target-instance-rule"
    case targetCounterAggregation = "target-counter-agg-rule"

    // Rules of this project.
    case schemaVersion = "schema-version"
    case templateChannel = "template-channel"
    /// Each selector of a metric with the label `channel` must filter by channel.
    case targetChannel = "target-channel"
    case templateBackplane = "template-backplane"
    /// And by backplane: both may have a channel of the same name.
    case targetBackplane = "target-backplane"
    case panelIDs = "panel-ids"
    case panelLayout = "panel-layout"
}
