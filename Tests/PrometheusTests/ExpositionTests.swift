import Foundation
import TestSupport
import Testing

@testable import Prometheus

/// Complete expositions, byte for byte.
@Suite struct ExpositionTests {
    private func registry() -> Registry {
        let registry = Registry()
        registry.gaugeFamily("relay_build_info", help: "Which build this is.", labels: ["version", "commit"])
            .with("1.0.0", "9f309b2").set(1)
        let kinds = registry.counterFamily("chat_messages_total", help: "Messages, \"by\" kind.", labels: ["kind"])
        kinds.with("hub").increment(by: 3)
        kinds.with("ack").increment()
        registry.counter("relay_written_bytes_total", help: "Bytes written.").increment(by: 4096)
        registry.gauge("relay_fill_ratio", help: "How full.").set(0.25)
        _ = registry.counterFamily("relay_errors_total", help: "Errors.", labels: ["reason"])
        let latency = registry.histogramFamily(
            "chat_latency_seconds", help: "Latency.", labels: ["channel"], buckets: [0.005, 1])
        for value in [0.005, 0.25, 0.5, 8] {
            latency.with("chat").observe(value)
        }
        return registry
    }

    @Test func text() {
        #expect(
            registry().text(.text) == """
                # HELP relay_build_info Which build this is.
                # TYPE relay_build_info gauge
                relay_build_info{version="1.0.0",commit="9f309b2"} 1
                # HELP chat_messages_total Messages, "by" kind.
                # TYPE chat_messages_total counter
                chat_messages_total{kind="ack"} 1
                chat_messages_total{kind="hub"} 3
                # HELP relay_written_bytes_total Bytes written.
                # TYPE relay_written_bytes_total counter
                relay_written_bytes_total 4096
                # HELP relay_fill_ratio How full.
                # TYPE relay_fill_ratio gauge
                relay_fill_ratio 0.25
                # HELP relay_errors_total Errors.
                # TYPE relay_errors_total counter
                # HELP chat_latency_seconds Latency.
                # TYPE chat_latency_seconds histogram
                chat_latency_seconds_bucket{channel="chat",le="0.005"} 1
                chat_latency_seconds_bucket{channel="chat",le="1.0"} 3
                chat_latency_seconds_bucket{channel="chat",le="+Inf"} 4
                chat_latency_seconds_sum{channel="chat"} 8.755
                chat_latency_seconds_count{channel="chat"} 4

                """)
    }

    @Test func openMetrics() {
        #expect(
            registry().text(.openMetrics) == """
                # TYPE relay_build_info gauge
                # HELP relay_build_info Which build this is.
                relay_build_info{version="1.0.0",commit="9f309b2"} 1
                # TYPE chat_messages counter
                # HELP chat_messages Messages, \\"by\\" kind.
                chat_messages_total{kind="ack"} 1
                chat_messages_total{kind="hub"} 3
                # TYPE relay_written_bytes counter
                # UNIT relay_written_bytes bytes
                # HELP relay_written_bytes Bytes written.
                relay_written_bytes_total 4096
                # TYPE relay_fill_ratio gauge
                # HELP relay_fill_ratio How full.
                relay_fill_ratio 0.25
                # TYPE relay_errors counter
                # HELP relay_errors Errors.
                # TYPE chat_latency_seconds histogram
                # UNIT chat_latency_seconds seconds
                # HELP chat_latency_seconds Latency.
                chat_latency_seconds_bucket{channel="chat",le="0.005"} 1
                chat_latency_seconds_bucket{channel="chat",le="1.0"} 3
                chat_latency_seconds_bucket{channel="chat",le="+Inf"} 4
                chat_latency_seconds_sum{channel="chat"} 8.755
                chat_latency_seconds_count{channel="chat"} 4
                # EOF

                """)
    }

    @Test(arguments: [ExpositionFormat.text, .openMetrics]) func longExpositionsAreWrittenInPieces(
        format: ExpositionFormat
    ) {
        let registry = Registry()
        let counters = registry.counterFamily("c_total", help: "Many.", labels: ["n"])
        let sizes = registry.histogramFamily("h", help: "Many.", labels: ["n"], buckets: [1])
        var counted: [String] = []
        var sized: [String] = []
        for number in 10_000..<20_000 {
            counters.with("\(number)").increment(by: number)
            counted.append(#"c_total{n="\#(number)"} \#(number)"#)
            sizes.with("\(number)").observe(Double(number))
            sized += [
                #"h_bucket{n="\#(number)",le="1.0"} 0"#, #"h_bucket{n="\#(number)",le="+Inf"} 1"#,
                #"h_sum{n="\#(number)"} \#(number)"#, #"h_count{n="\#(number)"} 1"#,
            ]
        }
        let pieces = Array(registry.exposition(format))
        #expect(pieces.count > 4)
        #expect(pieces.dropLast().allSatisfy { ((256 << 10)..<(257 << 10)).contains($0.count) })
        let text = String(decoding: pieces.joined(), as: UTF8.self)
        #expect(text.split(separator: "\n").filter { !$0.hasPrefix("#") }.map(String.init) == counted + sized)
        #expect(text.components(separatedBy: "# HELP").count == 3)
        #expect(text.hasSuffix("} 1\n" + (format == .openMetrics ? "# EOF\n" : "")))
        #expect(text.components(separatedBy: "# EOF").count == (format == .openMetrics ? 2 : 1))
    }

    @Test func nothingFollowsTheEnd() {
        var exposition = registry().exposition(.openMetrics)
        #expect(exposition.next() != nil)
        #expect(exposition.next() == nil && exposition.next() == nil)
    }

    @Test func emptyRegistry() {
        #expect(Registry().text(.text) == "")
        #expect(Registry().text(.openMetrics) == "# EOF\n")
    }

    @Test(arguments: [
        // Raw, in a text HELP, in an OpenMetrics HELP and in a label value of either.
        ("plain ü 🦊", "plain ü 🦊", "plain ü 🦊"),
        (#"a\b"#, #"a\\b"#, #"a\\b"#),
        ("a\nb", #"a\nb"#, #"a\nb"#),
        (#"a"b"#, #"a"b"#, #"a\"b"#),
        (#"\n"#, #"\\n"#, #"\\n"#),
        (#"\""#, #"\\""#, #"\\\""#),
        ("\r\t\0", "\r\t\0", "\r\t\0"),
        ("\r\n", "\r\\n", "\r\\n"),
    ])
    func escaping(raw: String, textHelp: String, quoted: String) {
        let registry = Registry()
        registry.gaugeFamily("g", help: raw, labels: ["l"]).with(raw).set(1)
        #expect(registry.text(.text) == "# HELP g \(textHelp)\n# TYPE g gauge\ng{l=\"\(quoted)\"} 1\n")
        #expect(registry.text(.openMetrics) == "# TYPE g gauge\n# HELP g \(quoted)\ng{l=\"\(quoted)\"} 1\n# EOF\n")
    }
}

@Suite struct NumberTextTests {
    @Test(arguments: [
        (0, "0"), (3, "3"), (-3, "-3"), (0.25, "0.25"), (-0.1, "-0.1"), (1e-5, "1e-05"),
        (.leastNonzeroMagnitude, "5e-324"),
        (1_048_576, "1048576"), (9_007_199_254_740_992, "9007199254740992"), (1e15, "1000000000000000"),
        (1e16, "1e+16"),
        (1e22, "1e+22"), (1.5e300, "1.5e+300"), (.nan, "NaN"), (-.nan, "NaN"), (.infinity, "+Inf"),
        (-.infinity, "-Inf"),
    ])
    func value(number: Double, expected: String) {
        #expect(NumberText.value(number) == expected)
    }

    // The examples of OpenMetrics 1.0.0, "Considerations: Canonical Numbers", and Go's %g for other values.
    @Test(arguments: [
        (0, "0.0"), (0.001, "0.001"), (0.002, "0.002"), (0.01, "0.01"), (0.1, "0.1"), (0.9, "0.9"), (0.95, "0.95"),
        (0.999, "0.999"), (1, "1.0"), (1.7, "1.7"), (10, "10.0"), (1e-10, "1e-10"), (1e-9, "1e-09"), (1e-5, "1e-05"),
        (1e-4, "0.0001"), (100, "100.0"), (1e5, "100000.0"), (1e6, "1e+06"), (1e7, "1e+07"), (1e9, "1e+09"),
        (1e10, "1e+10"), (.infinity, "+Inf"), (123_456, "123456.0"), (999_999.5, "999999.5"),
        (1_048_576, "1.048576e+06"), (1_234_567.5, "1.2345675e+06"), (16_777_216, "1.6777216e+07"),
        (1.5e15, "1.5e+15"), (1e16, "1e+16"), (1.25e20, "1.25e+20"), (1e100, "1e+100"), (1.5e-7, "1.5e-07"),
    ])
    func bound(number: Double, expected: String) {
        #expect(NumberText.bound(number) == expected)
    }

    @Test func everySpellingReadsBackAsTheSameNumber() {
        let seed: UInt64 = 20_261_122
        var random = SplitMix64(seed: seed)
        for _ in 0..<20_000 {
            let number = Double(bitPattern: random.next())
            guard number.isFinite else { continue }
            #expect(Double(NumberText.value(number)) == number, "seed \(seed)")
            #expect(Double(NumberText.bound(number.magnitude)) == number.magnitude, "seed \(seed)")
        }
    }

    @Test(arguments: [0, 1, 9, 10, 99, 100, 1_234_567_890, Int.max, -1, -10, Int.min])
    func digits(number: Int) {
        var bytes = Array("a ".utf8)
        bytes.appendDigits(of: number)
        #expect(String(decoding: bytes, as: UTF8.self) == "a \(number)")
    }
}

@Suite struct NegotiationTests {
    @Test(arguments: [
        // Nothing requested, or nothing that is supported.
        (nil, ExpositionFormat.text),
        ("", .text),
        ("*/*", .text),
        ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", .text),
        ("application/json", .text),
        ("application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited", .text),
        // Prometheus 2.42, and 3 without and with protobuf.
        (
            "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,"
                + "text/plain;version=0.0.4;q=0.5,*/*;q=0.1", .openMetrics
        ),
        (
            "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,"
                + "application/openmetrics-text;version=0.0.1;q=0.5,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,"
                + "text/plain;version=0.0.4;q=0.3,*/*;q=0.2", .openMetrics
        ),
        (
            "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited;q=0.7,"
                + "application/openmetrics-text;version=1.0.0;q=0.6,text/plain;version=0.0.4;q=0.3,*/*;q=0.2",
            .openMetrics
        ),
        // Prometheus configured to prefer text.
        ("text/plain;version=0.0.4;q=0.6,application/openmetrics-text;version=1.0.0;q=0.5,*/*;q=0.2", .text),
        // Quality.
        ("text/plain;q=0.5,application/openmetrics-text;q=0.6", .openMetrics),
        ("text/plain;q=0.6,application/openmetrics-text;q=0.5", .text),
        ("text/plain;q=0.009,application/openmetrics-text;q=0.01", .openMetrics),
        ("application/openmetrics-text;q=0", .text),
        ("application/openmetrics-text;q=0,*/*", .text),
        ("text/plain;q=0,*/*", .openMetrics),
        ("text/plain;q=0,application/openmetrics-text;q=0", .text),
        ("application/openmetrics-text;q=2", .text),
        ("application/openmetrics-text;q=nan", .text),
        ("application/openmetrics-text;q=much", .text),
        // Equal quality: the more precise, then text.
        ("text/plain,application/openmetrics-text", .text),
        ("application/openmetrics-text,text/plain", .text),
        ("*/*,application/openmetrics-text", .openMetrics),
        ("text/*,application/openmetrics-text", .openMetrics),
        ("application/*", .openMetrics),
        // A precise range overrides a wide one of higher quality.
        ("application/*;q=0.9,application/openmetrics-text;q=0.1,text/plain;q=0.5", .text),
        // Versions.
        ("application/openmetrics-text", .openMetrics),
        ("application/openmetrics-text; version=0.0.1", .text),
        ("application/openmetrics-text; version=2.0.0, text/plain;q=0.1", .text),
        ("application/openmetrics-text;version=1.0.0;q=0.4,text/plain;version=1.0.0;q=0.9", .openMetrics),
        // Spelling.
        (" Application/OpenMetrics-Text ; Version = \"1.0.0\" ; Q = 0.9 ,\ttext/plain;q=0.5", .openMetrics),
        ("application/openmetrics-text;charset=utf-8;;q=1.000,,", .openMetrics),
        (",;=/;q", .text),
        ("application/, /openmetrics-text, application/openmetrics-text/x", .text),
    ])
    func format(accept: String?, expected: ExpositionFormat) {
        #expect(ExpositionFormat.negotiate(accept: accept) == expected)
    }

    @Test func contentTypes() {
        #expect(ExpositionFormat.text.contentType == "text/plain; version=0.0.4; charset=utf-8")
        #expect(
            ExpositionFormat.openMetrics.contentType == "application/openmetrics-text; version=1.0.0; charset=utf-8")
    }
}
