/// What a dashboard must keep to. Those of grafana/dashboard-linter have its names.
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

    // Our own.
    case schemaVersion = "schema-version"
    case templateChannel = "template-channel"
    /// Each selector of what is counted by channel has the channel.
    case targetChannel = "target-channel"
    case templateBackplane = "template-backplane"
    /// And the backplane: both may have a channel of the same name.
    case targetBackplane = "target-backplane"
    case panelIDs = "panel-ids"
    case panelLayout = "panel-layout"
}
