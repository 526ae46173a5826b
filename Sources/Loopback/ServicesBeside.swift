package import Logging
import NIOCore
import NIOPosix
package import ServiceLifecycle

/// Services running during a closure.
package struct ServicesBeside: Sendable {
    private static let stopTimeout: Duration = .seconds(10)

    package let services: [any Service]
    package let logger: Logger

    package init(services: [any Service], logger: Logger) {
        self.services = services
        self.logger = logger
    }

    /// Runs the services and `body`, and stops the services when `body` has ended, gracefully even if this task was
    /// cancelled. Services that do not stop are abandoned after a time limit.
    ///
    /// - Throws: errors of `body`; the error of a service that ends earlier; ``SetupError`` if one ends without an
    ///   error.
    package func run<Value: Sendable>(_ body: @escaping @Sendable () async throws -> Value) async throws -> Value {
        let group = ServiceGroup(
            configuration: ServiceGroupConfiguration(
                services: services, logger: Logger(label: "services") { _ in SwiftLogNoOpLogHandler() }))
        // One stream for the observer beside the body, one for the end: cancellation finishes a stream permanently.
        let (early, endsEarly) = AsyncStream.makeStream(of: Result<Void, any Error>.self)
        let (late, endsLate) = AsyncStream.makeStream(of: Void.self)
        // Not a child task: cancellation would prevent an orderly stop of the services.
        let running = Task {
            do {
                try await group.run()
                endsEarly.yield(.success(()))
            } catch {
                endsEarly.yield(.failure(error))
            }
            endsLate.finish()
        }
        let outcome = await Self.result { try await Self.race(early, body) }
        await group.triggerGracefulShutdown()
        await stop(running, late)
        return try outcome.get()
    }

    private static func race<Value: Sendable>(
        _ ended: AsyncStream<Result<Void, any Error>>, _ body: @escaping @Sendable () async throws -> Value
    ) async throws -> Value {
        try await withThrowingTaskGroup(of: Value.self) { group in
            group.addTask { try await body() }
            group.addTask {
                for await result in ended {
                    try result.get()
                    throw SetupError("a hub node exited by itself; its log at level debug says why")
                }
                throw CancellationError()
            }
            defer { group.cancelAll() }
            guard let value = try await group.next() else { throw CancellationError() }
            return value
        }
    }

    private func stop(_ running: Task<Void, Never>, _ ended: AsyncStream<Void>) async {
        let timer = MultiThreadedEventLoopGroup.singleton.any().scheduleTask(in: TimeAmount(Self.stopTimeout)) {
            running.cancel()
        }
        defer { timer.cancel() }
        let waiting = Task { for await _ in ended {} }
        let last = MultiThreadedEventLoopGroup.singleton.any().scheduleTask(in: TimeAmount(Self.stopTimeout * 2)) {
            logger.error("a hub node does not stop, no longer waiting for it")
            waiting.cancel()
        }
        defer { last.cancel() }
        await waiting.value
    }

    private static func result<Value>(_ body: () async throws -> Value) async -> Result<Value, any Error> {
        do {
            return .success(try await body())
        } catch {
            return .failure(error)
        }
    }
}
