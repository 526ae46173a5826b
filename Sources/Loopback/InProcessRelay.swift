package import Logging
package import Relay
import ServiceLifecycle

/// A relay in this process, with its HTTP surface on a free port, that runs during a closure.
package struct InProcessRelay: Sendable {
    /// The port of its HTTP surface, on 127.0.0.1.
    package let port: Int

    /// - Parameters:
    ///   - parts: parts whose configuration must set the port to 0, so that a free one is chosen.
    ///   - consumers: see ``Relay/init(_:consumers:pages:supervisor:)``; likewise `pages`.
    ///   - body: called when the HTTP surface listens; the relay may not be subscribed yet. The relay stops when it
    ///     returns.
    /// - Throws: errors of the relay and of `body`; ``SetupError`` if the relay ends before it listens.
    package static func run<Result: Sendable>(
        _ parts: RelayParts, consumers: [any RelayConsumer] = [], pages: (any WebRoutes)? = nil, logger: Logger,
        _ body: @escaping @Sendable (InProcessRelay) async throws -> Result
    ) async throws -> Result {
        let (ports, portFound) = AsyncStream.makeStream(of: Int.self)
        let relay = Relay(parts, consumers: consumers, pages: pages, supervisor: OnListening { portFound.yield($0) })
        let services = ServiceGroup(
            configuration: ServiceGroupConfiguration(
                services: [.init(service: relay, successTerminationBehavior: .gracefullyShutdownGroup)], logger: logger)
        )
        return try await withThrowingTaskGroup(of: Result?.self) { group in
            group.addTask {
                defer { portFound.finish() }
                try await services.run()
                return nil
            }
            group.addTask {
                guard let port = await ports.first(where: { _ in true }) else { return nil }
                let result = try await body(InProcessRelay(port: port))
                await services.triggerGracefulShutdown()
                return result
            }
            var result: Result?
            for try await part in group where part != nil { result = part }
            guard let result else { throw SetupError("the relay exited before it was ready; its log says why") }
            return result
        }
    }

    /// Returns once the relay is subscribed and, if it records, writing.
    ///
    /// - Throws: ``SetupError`` if that takes more than 10 s; errors of the connection.
    package func waitUntilReady() async throws {
        let deadline = ContinuousClock.now + .seconds(10)
        while try await HTTPGet.body(port: port, path: "/-/ready") != "ready\n" {
            guard ContinuousClock.now < deadline else { throw SetupError("the relay was not ready within 10 s") }
            try await Task.sleep(for: .milliseconds(20))
        }
    }
}
