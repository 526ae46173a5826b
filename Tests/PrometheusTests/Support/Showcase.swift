import Prometheus

/// A registry with every kind of metric and every special character, and the expected samples.
struct Showcase {
    static let oddText = "back\\slash \"quote\" line\nfeed, return\r, nul\0, {brace} = ü 🦊 \\n"

    let registry = Registry()

    init() {
        registry.counter("relay_reconnects_total", help: Self.oddText).increment(by: 7)
        registry.counter("process_cpu_seconds_total", help: "Processor time charged.") { 12.25 }
        let written = registry.counterFamily("relay_written_bytes_total", help: "Bytes.", labels: ["channel", "hub"])
        written.with("chat", Self.oddText).increment(by: Int.max >> 10)
        written.with("", "").increment()
        _ = registry.counterFamily("relay_dropped_total", help: "A family without children.", labels: ["reason"])

        registry.gaugeFamily("relay_build_info", help: "Constant 1.", labels: ["version"]).with("1.2.3").set(1)
        for (name, value) in [
            ("nan", Double.nan), ("inf", .infinity), ("negative", -0.1), ("tiny", .leastNonzeroMagnitude),
        ] {
            registry.gauge("relay_\(name)", help: "A number.").set(value)
        }
        let latency = registry.histogram("relay_latency_seconds", help: "Latency.", buckets: [0, 1e-9, 0.005, 1, 2.5])
        for value in [0, 0.25, 0.5, 1, 2, 1e9] {
            latency.observe(value)
        }
        let sizes = registry.histogramFamily(
            "relay_size_bytes", help: "Size.", labels: ["channel"], buckets: [64, 1_048_576, 1e22])
        sizes.with("chat").observe(65)
        _ = sizes.with("empty")
    }

    let samples: [Sample] = [
        Sample("relay_reconnects_total", 7),
        Sample("process_cpu_seconds_total", 12.25),
        Sample("relay_written_bytes_total", ["channel": "", "hub": ""], 1),
        Sample("relay_written_bytes_total", ["channel": "chat", "hub": oddText], 9_007_199_254_740_991),
        Sample("relay_build_info", ["version": "1.2.3"], 1),
        Sample("relay_nan", .nan),
        Sample("relay_inf", .infinity),
        Sample("relay_negative", -0.1),
        Sample("relay_tiny", .leastNonzeroMagnitude),
        Sample("relay_latency_seconds_bucket", ["le": "0.0"], 1),
        Sample("relay_latency_seconds_bucket", ["le": "1e-09"], 1),
        Sample("relay_latency_seconds_bucket", ["le": "0.005"], 1),
        Sample("relay_latency_seconds_bucket", ["le": "1.0"], 4),
        Sample("relay_latency_seconds_bucket", ["le": "2.5"], 5),
        Sample("relay_latency_seconds_bucket", ["le": "+Inf"], 6),
        Sample("relay_latency_seconds_sum", 1_000_000_003.75),
        Sample("relay_latency_seconds_count", 6),
        Sample("relay_size_bytes_bucket", ["channel": "chat", "le": "64.0"], 0),
        Sample("relay_size_bytes_bucket", ["channel": "chat", "le": "1.048576e+06"], 1),
        Sample("relay_size_bytes_bucket", ["channel": "chat", "le": "1e+22"], 1),
        Sample("relay_size_bytes_bucket", ["channel": "chat", "le": "+Inf"], 1),
        Sample("relay_size_bytes_sum", ["channel": "chat"], 65),
        Sample("relay_size_bytes_count", ["channel": "chat"], 1),
        Sample("relay_size_bytes_bucket", ["channel": "empty", "le": "64.0"], 0),
        Sample("relay_size_bytes_bucket", ["channel": "empty", "le": "1.048576e+06"], 0),
        Sample("relay_size_bytes_bucket", ["channel": "empty", "le": "1e+22"], 0),
        Sample("relay_size_bytes_bucket", ["channel": "empty", "le": "+Inf"], 0),
        Sample("relay_size_bytes_sum", ["channel": "empty"], 0),
        Sample("relay_size_bytes_count", ["channel": "empty"], 0),
    ]
}
