import AsyncHTTPClient
import NIOCore
import NIOHTTP1

/// What `/metrics` of a relay on this machine says, read over HTTP as Prometheus does.
package struct MetricsScrape: Sendable {
    /// By series as written, such as `signalr_backplane_up{channel="chat",backplane="signalr2"}`.
    private let samples: [String: Double]
    /// The exposition itself.
    package let text: String

    /// - Throws: what the connection throws.
    package static func read(port: Int) async throws -> MetricsScrape {
        let response = try await HTTPGet.body(port: port, path: "/metrics")
        return MetricsScrape(text: response)
    }

    package init(text: String) {
        self.text = text
        var samples: [String: Double] = [:]
        for line in text.split(separator: "\n") where !line.hasPrefix("#") {
            guard let space = line.lastIndex(of: " ") else { continue }
            samples[String(line[..<space])] = Double(line[line.index(after: space)...])
        }
        self.samples = samples
    }

    /// The value of one series; nil if it is not there.
    package subscript(_ series: String) -> Double? { samples[series] }

    /// All series of a name, with what stands between their braces.
    package func series(of name: String) -> [(labels: Substring, value: Double)] {
        samples.compactMap { series, value in
            guard series.hasPrefix(name) else { return nil }
            let rest = series.dropFirst(name.count)
            return rest.isEmpty || rest.first == "{" ? (rest, value) : nil
        }
    }
}

/// GET to a server on this machine.
package enum HTTPGet {
    /// Longer than any exposition of a relay.
    private static let limit = 64 << 20

    /// - Returns: the body, whatever the status is.
    /// - Throws: what `HTTPClient` throws.
    package static func body(port: Int, path: String) async throws -> String {
        var request = HTTPClientRequest(url: "http://127.0.0.1:\(port)\(path)")
        // An idle connection would wait for a server's end.
        request.headers.add(name: "Connection", value: "close")
        let response = try await HTTPClient.shared.execute(request, timeout: .seconds(10))
        return String(buffer: try await response.body.collect(upTo: limit))
    }
}
