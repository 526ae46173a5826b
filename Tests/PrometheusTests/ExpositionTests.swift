import Foundation
import Prometheus
import Testing

/// Whole expositions, byte for byte.
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

    @Test(arguments: [ExpositionFormat.text, .openMetrics]) func longOnesComeInPieces(format: ExpositionFormat) {
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

    @Test func nothingComesAfterTheEnd() {
        var exposition = registry().exposition(.openMetrics)
        #expect(exposition.next() != nil)
        #expect(exposition.next() == nil && exposition.next() == nil)
    }

    @Test func emptyRegistry() {
        #expect(Registry().text(.text) == "")
        #expect(Registry().text(.openMetrics) == "# EOF\n")
    }

    @Test(arguments: [
        // As it is, in a text HELP, in an OpenMetrics HELP and in a label value of either.
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
