package import HubNode
package import Logging
import NIOCore
import NIOPosix
package import Redis
package import ServiceLifecycle
package import SignalRClient

/// Hub nodes in this process, on free ports with a common token key, running during a closure.
package struct InProcessNodes: Sendable {
    private static let startTimeout: Duration = .seconds(10)
    /// For a check: a lost group command is not retried earlier.
    package static let shortAcknowledgement: Duration = .seconds(5)

    /// Number of nodes.
    package let count: Int
    /// Prefix of their names on pages and in logs, before the number.
    package let title: String
    /// How long a group command may take.
    package let acknowledgement: Duration
    /// The Redis of their backplane.
    package let redis: RedisConfiguration
    /// The event key; empty for nodes that serve no clients of SignalR 2.
    package let channel: String
    /// The backplane of ASP.NET Core SignalR; if nil, its clients reach only those of the same node.
    package let core: CoreBackplaneSettings?
    /// Limits of each node.
    package let limits: HubNodeLimits
    /// The version shown on the nodes' pages.
    package let version: String
    /// Logger of the nodes.
    package let logger: Logger

    /// - Parameter count: at least 1.
    package init(
        count: Int, title: String = "check node", acknowledgement: Duration = Self.shortAcknowledgement,
        redis: RedisConfiguration, channel: String, core: CoreBackplaneSettings? = nil,
        limits: HubNodeLimits = HubNodeLimits(), version: String, logger: Logger
    ) {
        self.count = count
        self.title = title
        self.acknowledgement = acknowledgement
        self.redis = redis
        self.channel = channel
        self.core = core
        self.limits = limits
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
                    let origin = "http://127.0.0.1:\(port)"
                    guard let url = try? NodeURL("\(origin)/signalr"),
                        let coreURL = try? NodeURL(origin + CoreHubSettings().path(of: Hub.chat.name))
                    else { return }
                    starting.yield(
                        (number, CheckedNode(name: "node \(number)", url: url, coreURL: coreURL, log: log)))
                })
        }
        return try await ServicesBeside(services: nodes, logger: logger).run {
            try await body(try await collect(started))
        }
    }

    private func configuration(_ number: Int, key: TokenKey) -> HubNodeConfiguration {
        var configuration = HubNodeConfiguration(
            redis: redis, channel: channel, name: "\(title) \(number)", listenPort: 0, tokenKey: key, limits: limits,
            version: version)
        configuration.core?.backplane = core
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

/// Services running during a closure.
package struct ServicesBeside: Sendable {
    private static let stopTimeout: Duration = .seconds(10)

    /// Services that start and stop together.
    package let services: [any Service]
    /// Logs an error if the services do not stop in time.
    package let logger: Logger

    /// - Parameters:
    ///   - services: run at the same time.
    ///   - logger: used to log an error if the services do not stop in time.
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

/// A node to check.
package struct CheckedNode: Sendable {
    /// `node 1`
    package let name: String
    /// The URL of the node's hubs for clients of SignalR 2.
    package let url: NodeURL
    /// The URL of the node's hub for clients of ASP.NET Core SignalR.
    package let coreURL: NodeURL
    /// Its own log; nil for a node of another process.
    package let log: NodeLog?

    /// - Parameter coreURL: nil for a node that is checked for one generation only, at `url`.
    package init(name: String, url: NodeURL, coreURL: NodeURL? = nil, log: NodeLog?) {
        self.name = name
        self.url = url
        self.coreURL = coreURL ?? url
        self.log = log
    }

    /// The longest wait for a call: longer than a node waits for the ack of a group command, in general 30 to 35 s.
    package var callTimeout: Duration { log == nil ? .seconds(40) : InProcessNodes.shortAcknowledgement + .seconds(10) }
}
