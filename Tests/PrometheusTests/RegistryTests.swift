import Prometheus
import Testing

@Suite struct RegistryTests {
    @Test func refreshersRunInOrderBeforeEachExposition() {
        let registry = Registry()
        let gauge = registry.gauge("g", help: "A gauge.")
        registry.onScrape { gauge.add(1) }
        registry.onScrape { gauge.set(gauge.value * 10) }
        #expect(registry.sampleLines() == ["g 10"])
        #expect(registry.sampleLines() == ["g 110"])
    }

    @Test func aRefresherMayRegister() {
        let registry = Registry()
        let family = registry.gaugeFamily("g", help: "A gauge.", labels: ["n"])
        let calls = Counter()
        registry.onScrape {
            calls.increment()
            family.with("1").set(2)
            if calls.value == 1 {
                registry.gauge("late", help: "Registered while scraping.").set(3)
            }
        }
        #expect(registry.sampleLines() == [#"g{n="1"} 2"#, "late 3"])
        #expect(registry.sampleLines() == [#"g{n="1"} 2"#, "late 3"])
    }

    @Test func readingsAreTakenAtEachExposition() {
        let registry = Registry()
        let source = Gauge()
        registry.counter("cpu_seconds_total", help: "Processor time.") { source.value }
        source.set(1.5)
        #expect(registry.sampleLines() == ["cpu_seconds_total 1.5"])
        source.set(2)
        #expect(registry.sampleLines() == ["cpu_seconds_total 2"])
    }

    @Test func similarNamesAreAvailable() {
        let registry = Registry()
        _ = registry.counter("bytes_total", help: "A counter.")
        _ = registry.counter("a_bytes_total", help: "A counter.")
        _ = registry.gauge("a", help: "A gauge.")
        _ = registry.gauge("a_sum", help: "A gauge.")
        _ = registry.histogram("A1_", help: "A histogram.", buckets: [1])
        #expect(!registry.text(.openMetrics).contains("# UNIT bytes"), "a unit is a suffix, not the name")
    }
}
