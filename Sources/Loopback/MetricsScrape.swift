import SignalRClient

/// The `/metrics` of a relay on this machine, read over HTTP like Prometheus does.
package struct MetricsScrape: Sendable {
    /// By series as written, such as `signalr_backplane_up{channel="chat",backplane="signalr2"}`.
    private let samples: [String: Double]
    /// The exposition text.
    package let text: String

    /// - Throws: errors of the connection.
    package static func read(port: Int) async throws -> MetricsScrape {
        let response = try await HTTPGet.body(port: port, path: "/metrics")
        return MetricsScrape(text: response)
    }

    /// - Parameter text: in the text format of Prometheus; lines that are not samples are ignored.
    package init(text: String) {
        self.text = text
        var samples: [String: Double] = [:]
        for line in text.split(separator: "\n") where !line.hasPrefix("#") {
            guard let space = line.lastIndex(of: " ") else { continue }
            samples[String(line[..<space])] = Double(line[line.index(after: space)...])
        }
        self.samples = samples
    }

    /// The value of one series; nil if absent.
    package subscript(_ series: String) -> Double? { samples[series] }

    /// All series of a name, with the text between their braces.
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
    private static let network = SignalRNetwork()

    /// - Returns: the body, whatever the status.
    /// - Throws: errors of ``SignalRNetwork/text(from:path:within:upTo:)``.
    package static func body(port: Int, path: String) async throws -> String {
        try await network.text(
            from: NodeURL("http://127.0.0.1:\(port)"), path: path, within: .seconds(10), upTo: limit)
    }
}
