import NIOCore
import NIOPosix

/// What `/metrics` of a relay on this machine says, read over HTTP as Prometheus does.
package struct MetricsScrape: Sendable {
    /// By series as written, such as `signalr_backplane_gaps_total{channel="chat"}`.
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

/// The smallest possible HTTP request to a server on this machine.
package enum HTTPGet {
    package static func body(port: Int, path: String) async throws -> String {
        let channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .connect(host: "127.0.0.1", port: port) { channel in
                channel.eventLoop.makeCompletedFuture {
                    try NIOAsyncChannel<ByteBuffer, ByteBuffer>(wrappingChannelSynchronously: channel)
                }
            }
        return try await channel.executeThenClose { inbound, outbound in
            try await outbound.write(
                ByteBuffer(string: "GET \(path) HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n"))
            var response = ByteBuffer()
            for try await var part in inbound { response.writeBuffer(&part) }
            let text = String(buffer: response)
            // The head ends at the first empty line.
            guard let end = text.firstRange(of: "\r\n\r\n") else {
                throw SetupError("no HTTP response from 127.0.0.1:\(port)\(path)")
            }
            return String(text[end.upperBound...])
        }
    }
}
