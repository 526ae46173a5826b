import Prometheus
import Testing

@Suite struct NegotiationTests {
    @Test(arguments: [
        // Nothing asked for, or nothing that we have.
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
        // The same quality: the more precise, then text.
        ("text/plain,application/openmetrics-text", .text),
        ("application/openmetrics-text,text/plain", .text),
        ("*/*,application/openmetrics-text", .openMetrics),
        ("text/*,application/openmetrics-text", .openMetrics),
        ("application/*", .openMetrics),
        // A precise range overrules a wide one of higher quality.
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
