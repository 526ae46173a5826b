import HubNode
package import Logging
import NIOCore
import NIOPosix
package import Redis
import SignalRClient

/// Hub nodes in this process, on free ports with a common token key, running during a closure.
package struct InProcessNodes: Sendable {
    private static let startTimeout: Duration = .seconds(10)
    /// For a check: a lost group command is not retried earlier.
    package static let shortAcknowledgement: Duration = .seconds(5)

    package let count: Int
    /// Prefix of their names on pages and in logs, before the number.
    package let title: String
    /// How long a group command may take.
    package let acknowledgement: Duration
    package let redis: RedisConfiguration
    package let channel: String
    package let version: String
    package let logger: Logger

    package init(
        count: Int, title: String = "check node", acknowledgement: Duration = Self.shortAcknowledgement,
        redis: RedisConfiguration, channel: String, version: String, logger: Logger
    ) {
        self.count = count
        self.title = title
        self.acknowledgement = acknowledgement
        self.redis = redis
        self.channel = channel
        self.version = version
        self.logger = logger
    }

    /// - Parameter onPublished: called with each message that a node published, on the node's event loop.
    /// - Throws: ``SetupError`` if a node does not start or exits by itself; errors of a node or of `body`.
    package func run<Value: Sendable>(
        onPublished: @escaping @Sendable (UInt64, String, [UInt8]) -> Void,
        _ body: @escaping @Sendable ([CheckedNode]) async throws -> Value
    ) async throws -> Value {
        let key = TokenKey.random()
        let (started, starting) = AsyncStream.makeStream(of: (number: Int, node: CheckedNode).self)
        let nodes = (1...count).map { number in
            let log = NodeLog(onPublished: onPublished)
            return HubNode(
                configuration: configuration(number, key: key), logger: logger, observer: log,
                onListening: { port in
                    guard let url = try? NodeURL("http://127.0.0.1:\(port)/signalr") else { return }
                    starting.yield((number, CheckedNode(name: "node \(number)", url: url, log: log)))
                })
        }
        return try await ServicesBeside(services: nodes, logger: logger).run {
            try await body(try await collect(started))
        }
    }

    private func configuration(_ number: Int, key: TokenKey) -> HubNodeConfiguration {
        var configuration = HubNodeConfiguration(
            redis: redis, channel: channel, name: "\(title) \(number)", listenPort: 0, tokenKey: key, version: version
        )
        // The retry notes show the reason.
        configuration.detailedErrors = true
        configuration.timing.acknowledgement = acknowledgement
        configuration.timing.drain = .milliseconds(100)
        return configuration
    }

    /// The listening nodes in numerical order, once all of them listen.
    private func collect(_ started: AsyncStream<(number: Int, node: CheckedNode)>) async throws -> [CheckedNode] {
        let count = count
        return try await Deadline.run(
            within: Self.startTimeout, on: MultiThreadedEventLoopGroup.singleton.any(),
            expired: SetupError("the hub nodes did not listen within 10 s; their log says why")
        ) {
            var nodes: [(number: Int, node: CheckedNode)] = []
            for await node in started {
                nodes.append(node)
                if nodes.count == count { return nodes.sorted { $0.number < $1.number }.map(\.node) }
            }
            throw CancellationError()
        }
    }
}
