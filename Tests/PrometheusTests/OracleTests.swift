import Foundation
import Prometheus
import Testing

/// Independent programs parse the expositions.
@Suite struct OracleTests {
    @Test(.enabled(if: ExternalProgram.promtool.shouldBeTested, "promtool is missing (Debian package prometheus)"))
    func promtoolHasNothingToSayAboutText() throws {
        let verdict = try ExternalProgram.promtool.run(
            ["check", "metrics"], input: Showcase().registry.expose(.text))
        #expect(verdict.output == "")
        #expect(verdict.status == 0)
    }

    @Test(
        .enabled(if: ExternalProgram.python.shouldBeTested, "prometheus_client is missing (python3-prometheus-client)"),
        arguments: [
            (ExpositionFormat.text, "prometheus_client.parser"),
            (ExpositionFormat.openMetrics, "prometheus_client.openmetrics.parser"),
        ])
    func pythonReadsTheSameNumbers(format: ExpositionFormat, module: String) throws {
        let showcase = Showcase()
        let families = try parse(showcase.registry.expose(format), with: module)
        let samples = families.flatMap(\.samples).map { Sample($0.name, $0.labels, $0.number) }
        #expect(samples == showcase.samples)
    }

    @Test(
        .enabled(if: ExternalProgram.python.shouldBeTested, "prometheus_client is missing (python3-prometheus-client)"))
    func pythonReadsTheSameMetadata() throws {
        let exposition = Showcase().registry.expose(.openMetrics)
        let families = try parse(exposition, with: "prometheus_client.openmetrics.parser")
        #expect(
            families.map { "\($0.name) \($0.type) [\($0.unit)]" } == [
                "relay_reconnects counter []",
                "process_cpu_seconds counter [seconds]",
                "relay_written_bytes counter [bytes]",
                "relay_dropped counter []",
                "relay_build_info gauge []",
                "relay_nan gauge []",
                "relay_inf gauge []",
                "relay_negative gauge []",
                "relay_tiny gauge []",
                "relay_latency_seconds histogram [seconds]",
                "relay_size_bytes histogram [bytes]",
            ])
        #expect(families.first?.help == Showcase.oddText)
    }

    private struct ParsedFamily: Decodable {
        struct ParsedSample: Decodable {
            let name: String
            let labels: [String: String]
            /// Python's output, since JSON has no NaN.
            let value: String

            var number: Double { Double(value) ?? -1 }
        }

        let name: String
        let type: String
        let unit: String
        let help: String
        let samples: [ParsedSample]
    }

    private func parse(_ exposition: [UInt8], with module: String) throws -> [ParsedFamily] {
        let script = """
            import importlib, json, sys
            parser = importlib.import_module(sys.argv[1])
            text = sys.stdin.buffer.read().decode()
            print(json.dumps([
                dict(name=f.name, type=f.type, unit=f.unit, help=f.documentation,
                     samples=[dict(name=s.name, labels=s.labels, value=repr(float(s.value))) for s in f.samples])
                for f in parser.text_string_to_metric_families(text)]))
            """
        let verdict = try ExternalProgram.python.run(["-c", script, module], input: exposition)
        try #require(verdict.status == 0, "\(verdict.output)")
        return try JSONDecoder().decode([ParsedFamily].self, from: Data(verdict.output.utf8))
    }
}
