import Backplane
import HubNode
import Logging
import Redis

@testable import Loopback

/// Real hub nodes with a separate redis-server.
enum Nodes {
    static let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }

    /// - Parameter core: the hub of nodes for ASP.NET Core; nil for nodes of SignalR 2.
    static func run<Value: Sendable>(
        _ count: Int, core: CoreHub? = nil,
        _ body: @escaping @Sendable ([CheckedNode], RedisConfiguration) async throws -> Value
    ) async throws -> Value {
        try await RedisServerProcess.run { redis in
            let nodes = InProcessNodes(
                count: count, redis: redis, channel: core == nil ? "test" : "",
                core: core.map { CoreBackplaneSettings(hubType: $0.type, channelPrefix: $0.prefix) }, version: "test",
                logger: logger)
            return try await nodes.run(onPublished: { _, _, _ in }) { nodes in
                try await body(nodes, redis)
            }
        }
    }
}
