import Logging
import Redis

@testable import Loopback

/// Real hub nodes with a separate redis-server.
enum Nodes {
    static let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }

    static func run<Value: Sendable>(
        _ count: Int, _ body: @escaping @Sendable ([CheckedNode], RedisConfiguration) async throws -> Value
    ) async throws -> Value {
        try await RedisServerProcess.run { redis in
            let nodes = InProcessNodes(count: count, redis: redis, channel: "test", version: "test", logger: logger)
            return try await nodes.run(onPublished: { _, _, _ in }) { nodes in
                try await body(nodes, redis)
            }
        }
    }
}
