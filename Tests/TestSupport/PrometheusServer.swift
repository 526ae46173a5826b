import Foundation

/// A real Prometheus that scrapes and evaluates every second, queried through its HTTP API.
package final class PrometheusServer: Sendable {
    package struct Target: Sendable {
        package let job: String
        /// On the loopback interface.
        package let port: Int

        package init(job: String, port: Int) {
            self.job = job
            self.port = port
        }
    }

    /// One series of a result.
    package struct Series: Sendable {
        package let labels: [String: String]
        /// In chronological order; one for an instant query. May be NaN.
        package let values: [Double]

        package func matches(_ wanted: [String: String]) -> Bool {
            wanted.allSatisfy { labels[$0.key] == $0.value }
        }
    }

    package struct Alert: Decodable, Sendable {
        package let labels: [String: String]
        package let state: String

        package var isFiring: Bool { state == "firing" }
    }

    package struct Rule: Decodable, Sendable {
        package let name: String
        package let type: String
        /// `unknown` until it has been evaluated once.
        package let health: String
        package let lastError: String?
    }

    package let port: Int
    private let child: ChildProcess

    private init(child: ChildProcess, port: Int) {
        self.child = child
        self.port = port
    }

    /// Starts a server, runs `body`, and stops the server when `body` returns or throws.
    ///
    /// - Parameter ruleFiles: their paths.
    package static func with<Value>(
        scraping targets: [Target], ruleFiles: [String] = [], isolation: isolated (any Actor)? = #isolation,
        _ body: (PrometheusServer) async throws -> Value
    ) async throws -> Value {
        try await TemporaryDirectory.with { folder in
            let port = try FreePort.find()
            let jobs = targets.map {
                """
                  - job_name: \($0.job)
                    static_configs: [ { targets: [ "127.0.0.1:\($0.port)" ] } ]
                """
            }
            let configuration =
                "global: { scrape_interval: 1s, scrape_timeout: 1s, evaluation_interval: 1s }\n"
                + "rule_files: [ \(ruleFiles.map { "\"\($0)\"" }.joined(separator: ", ")) ]\n"
                + "scrape_configs:\n" + jobs.joined(separator: "\n") + "\n"
            let file = folder + "/prometheus.yml"
            try configuration.write(toFile: file, atomically: false, encoding: .utf8)
            let child = try await ChildProcess.start(
                Tool.prometheus.requiredPath(),
                [
                    "--config.file=\(file)", "--storage.tsdb.path=\(folder)/data",
                    "--web.listen-address=127.0.0.1:\(port)",
                ], folder: folder)
            do {
                let server = PrometheusServer(child: child, port: port)
                try await eventually("Prometheus is ready", within: .seconds(40)) {
                    try await HTTPAnswer.get(port: port, "/-/ready")?.status == 200 ? true : nil
                }
                let value = try await body(server)
                await child.terminate()
                return value
            } catch {
                await child.terminate()
                throw TestFailure("\(error)\nPrometheus said:\n\(child.errors.suffix(2_000))")
            }
        }
    }

    // MARK: - Its HTTP API

    /// - Throws: ``TestFailure`` with its error if it refuses the expression.
    package func query(_ expression: String) async throws -> [Series] {
        let answer: Vector = try await ask("query?query=\(Self.escaped(expression))")
        return answer.result.map { Series(labels: $0.metric, values: [$0.value.number]) }
    }

    /// Like a graph: a point for each of the last seconds.
    package func query(_ expression: String, lastSeconds seconds: Int) async throws -> [Series] {
        let now = Int(Date().timeIntervalSince1970)
        let answer: Matrix = try await ask(
            "query_range?query=\(Self.escaped(expression))&start=\(now - seconds)&end=\(now)&step=1")
        return answer.result.map { Series(labels: $0.metric, values: $0.values.map(\.number)) }
    }

    package func alerts() async throws -> [Alert] {
        struct Answer: Decodable { let alerts: [Alert] }
        let answer: Answer = try await ask("alerts")
        return answer.alerts
    }

    package func rules() async throws -> [Rule] {
        struct Answer: Decodable { let groups: [Group] }
        struct Group: Decodable { let rules: [Rule] }
        let answer: Answer = try await ask("rules")
        return answer.groups.flatMap(\.rules)
    }

    private func ask<Answer: Decodable>(_ path: String) async throws -> Answer {
        guard let answer = try await HTTPAnswer.get(port: port, "/api/v1/" + path) else {
            throw TestFailure("Prometheus does not answer /api/v1/\(path)")
        }
        let body = Data(answer.body.utf8)
        guard answer.status == 200 else {
            let refusal = try? JSONDecoder().decode(Refusal.self, from: body)
            throw TestFailure("Prometheus: \(refusal?.error ?? "status \(answer.status)")")
        }
        return try JSONDecoder().decode(Success<Answer>.self, from: body).data
    }

    private static func escaped(_ text: String) -> String {
        text.addingPercentEncoding(withAllowedCharacters: .alphanumerics) ?? ""
    }
}

private struct Success<Answer: Decodable>: Decodable {
    let data: Answer
}

private struct Refusal: Decodable {
    let error: String
}

private struct Vector: Decodable {
    let result: [Element]

    struct Element: Decodable {
        let metric: [String: String]
        let value: Point
    }
}

private struct Matrix: Decodable {
    let result: [Element]

    struct Element: Decodable {
        let metric: [String: String]
        let values: [Point]
    }
}

/// `[1700000000.5,"42"]`
private struct Point: Decodable {
    let number: Double

    init(from decoder: any Decoder) throws {
        var parts = try decoder.unkeyedContainer()
        _ = try parts.decode(Double.self)
        let text = try parts.decode(String.self)
        guard let number = Double(text) else {
            throw DecodingError.dataCorruptedError(in: parts, debugDescription: "no number: \(text)")
        }
        self.number = number
    }
}
