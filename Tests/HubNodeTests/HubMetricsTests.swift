import Prometheus
import Testing

@testable import HubNode

@Suite struct HubMetricsTests {
    /// The metric keeps its name of version 0.1.0 for one more version.
    @Test func aCounterResetIsCountedUnderItsFormerNameToo() {
        let metrics = HubMetrics(version: "test")
        metrics.countCounterReset()
        let text = String(decoding: metrics.registry.expose(.text), as: UTF8.self)
        #expect(text.contains("\nbackplane_relay_hub_counter_resets_total 1\n"))
        #expect(text.contains("\nbackplane_relay_hub_id_resets_total 1\n"))
        #expect(text.contains("# HELP backplane_relay_hub_id_resets_total Deprecated"))
    }
}
