import HubNode
import Logging
import Redis
import ServiceLifecycle
import TestSupport

/// A hub node in the test process.
enum TestHubNode {
    /// Runs a node on a free port until `body` returns.
    ///
    /// - Parameters:
    ///   - address: of Redis, if not that of the server itself.
    ///   - awaitsReady: false if `body` runs as soon as the node listens.
    static func with<Value: Sendable>(
        redis: RedisServer, at address: RedisConfiguration? = nil, channel: String = "chat", name: String = "test",
        hubs: [Hub] = [.chat], awaitsReady: Bool = true, observer: (any HubNodeObserver)? = nil,
        configure: (inout HubNodeConfiguration) -> Void = { _ in },
        isolation: isolated (any Actor)? = #isolation, _ body: (_ port: Int) async throws -> Value
    ) async throws -> Value {
        var configuration = HubNodeConfiguration(
            redis: address ?? redis.configuration, channel: channel, name: name, listenPort: 0)
        // There is no other node for the clients.
        configuration.timing.drain = .zero
        configure(&configuration)
        let (ports, listening) = AsyncStream.makeStream(of: Int.self)
        let node = HubNode(
            configuration: configuration, hubs: hubs, logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() },
            observer: observer, onListening: { listening.yield($0) })
        let services = ServiceGroup(
            services: [node], logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
        let running = Task {
            defer { listening.finish() }
            try await services.run()
        }
        do {
            guard let port = await ports.first(where: { _ in true }) else {
                try await running.value
                throw TestFailure("the hub node ended before it listened")
            }
            if awaitsReady {
                try await eventually("the hub node is ready") {
                    try await HTTPAnswer.get(port: port, "/-/ready")?.status == 200 ? true : nil
                }
            }
            let value = try await body(port)
            await services.triggerGracefulShutdown()
            try await running.value
            return value
        } catch {
            running.cancel()
            _ = await running.result
            throw error
        }
    }
}
