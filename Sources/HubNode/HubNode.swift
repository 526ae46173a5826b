package import Backplane
import HTTPGuard
import Hummingbird
import HummingbirdCore
public import Logging
import NIOCore
import NIOPosix
public import ServiceLifecycle
import SystemPackage

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// A SignalR node: serves hubs to clients of SignalR 2 over HTTP, and shares their messages with other nodes through
/// Redis. Each hub is also served to clients of ASP.NET Core SignalR (``CoreBroker``), at its own path.
///
/// The path of a message: ``RedisMessageBus`` (subscription) -> ``MessageBroker`` (recipients) -> the webSocket or the
/// response (``PullTransport``) of each recipient. The path of a call: ``WebSocketHandler`` or ``SignalREndpoint`` ->
/// ``HubDispatcher`` -> the hub's method -> ``Publisher`` (as the generation's messages) -> ``RedisMessageBus``.
///
/// `SignalR2` and `Core` contain what differs between the generations: the backplane's wire format, the client codec,
/// cursors and tokens, messages. Hubs, groups, outboxes, webSockets and limits are shared.
public struct HubNode: Service {
    private let configuration: HubNodeConfiguration
    private let hubs: [Hub]
    private let logger: Logger
    private let observer: (any HubNodeObserver)?
    private let onListening: @Sendable (_ port: Int) -> Void

    /// - Parameters:
    ///   - hubs: the hubs that clients can call.
    ///   - onListening: called once the HTTP surface is bound, with its port.
    public init(
        configuration: HubNodeConfiguration, hubs: [Hub] = [.chat], logger: Logger,
        onListening: @escaping @Sendable (_ port: Int) -> Void = { _ in }
    ) {
        self.init(configuration: configuration, hubs: hubs, logger: logger, observer: nil, onListening: onListening)
    }

    /// - Parameter observer: notified of the node's activity on the backplane.
    package init(
        configuration: HubNodeConfiguration, hubs: [Hub] = [.chat], logger: Logger,
        observer: (any HubNodeObserver)?, onListening: @escaping @Sendable (_ port: Int) -> Void = { _ in }
    ) {
        self.configuration = configuration
        self.hubs = hubs
        self.logger = logger
        self.observer = observer
        self.onListening = onListening
    }

    /// Runs until graceful shutdown or cancellation; a graceful shutdown asks the clients to reconnect and waits for
    /// them.
    ///
    /// - Throws: ``HubNodeError`` if the address cannot be bound, or two hubs have the same path or channels;
    ///   `RedisError` if the first connection to Redis fails for a permanent reason.
    public func run() async throws {
        let plans = try configuration.corePlans(for: hubs)
        // A single loop for the bus, the broker and every socket: they share state without locks.
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let parts = HubNodeParts(
            configuration, hubs: hubs, plans: plans, observer: observer, group: group, logger: logger)
        let outcome = await serve(parts)
        await parts.shutDown()
        try await group.shutdownGracefully()
        try outcome.get()
        logger.info("stopped")
    }

    private func serve(_ parts: HubNodeParts) async -> Result<Void, any Error> {
        let (bus, broker, core) = (parts.bus, parts.broker, parts.core)
        let server = ServiceGroup(
            configuration: ServiceGroupConfiguration(
                services: [application(parts)],
                logger: Logger(label: "services") { _ in SwiftLogNoOpLogHandler() }))
        let address = "\(configuration.listenHost):\(configuration.listenPort)"
        let ticker = parts.group.any().scheduleRepeatedTask(initialDelay: .seconds(1), delay: .seconds(1)) { _ in
            broker.assumeIsolated { $0.tick() }
            core.tick()
        }
        defer { ticker.cancel() }
        return await withTaskGroup(of: Result<Void, any Error>.self) { tasks in
            if configuration.joinsSignalR2 {
                tasks.addTask {
                    await Self.result {
                        try await bus.run { event in broker.assumeIsolated { $0.handle(event) } }
                    }
                }
            }
            for served in core.all {
                guard let bus = served.broker.bus else { continue }
                tasks.addTask {
                    await Self.result {
                        try await bus.run { [observer] event in
                            observer?.noted(event)
                            core.handle(event, of: served.broker)
                        }
                    }
                }
            }
            // Detached: the server must outlive the stop signal until the clients have been notified.
            let serving = Task.detached {
                await Self.result {
                    do {
                        try await server.run()
                    } catch let error as IOError {
                        throw HubNodeError.cannotListen(
                            address: address,
                            reason: error.errnoCode == EADDRINUSE
                                ? "it is in use by another process"
                                : Errno(rawValue: error.errnoCode).description.lowercased())
                    } catch is SocketAddressError.UnknownHost {
                        throw HubNodeError.cannotListen(address: address, reason: "its host name does not resolve")
                    }
                }
            }
            tasks.addTask {
                await withTaskCancellationHandler {
                    await serving.value
                } onCancel: {
                    serving.cancel()
                }
            }
            tasks.addTask {
                await Self.result {
                    try await gracefulShutdown()
                    await drain(parts)
                    await server.triggerGracefulShutdown()
                    _ = await serving.value
                }
            }
            let outcome = await tasks.next() ?? .success(())
            // Whichever ends first cancels the others.
            tasks.cancelAll()
            await tasks.waitForAll()
            return outcome
        }
    }

    private func application(_ parts: HubNodeParts) -> some Service {
        let (gate, upgrader) = (parts.gate, parts.upgrader)
        let (metrics, group) = (parts.metrics, parts.group)
        let (routes, hasPage) = (parts.core.all.map(\.route), parts.page != nil)
        let limits = httpLimits()
        let connections = ConnectionGate(limits: limits, registry: metrics.registry, logger: logger)
        let (configuration, logger, onListening) = (configuration, logger, onListening)
        return Application(
            responder: HeadResponder(
                parts.router.buildResponder().showing(configuration.openPages),
                changesSomething: {
                    let path = $0.uri.path
                    return gate.endpoint(of: path)?.changesSomething == true
                        || routes.contains { $0.target(of: path) != nil }
                }),
            server: HTTPServerBuilder { responder in
                HubChildChannel(
                    responder: responder, upgrader: upgrader, limits: limits, gate: connections,
                    userTimeout: TimeAmount(configuration.timing.disconnect))
            },
            configuration: ApplicationConfiguration(
                address: .hostname(configuration.listenHost, port: configuration.listenPort),
                serverName: "backplane-relay", backlog: HTTPLimits.backlog),
            onServerRunning: { channel in
                let port = channel.localAddress?.port ?? 0
                let address = "http://\(configuration.listenHost):\(port)"
                var metadata: Logger.Metadata = [:]
                if hasPage { metadata["page"] = "\(address)/" }
                if configuration.joinsSignalR2 { metadata["hubs"] = "\(address)\(configuration.path)" }
                if !routes.isEmpty {
                    metadata["core"] = "\(routes.map { address + $0.path }.joined(separator: " "))"
                }
                logger.info("listening", metadata: metadata)
                onListening(port)
            },
            eventLoopGroupProvider: .shared(group),
            logger: Logger(label: "http") { _ in SwiftLogNoOpLogHandler() })
    }

    private func httpLimits() -> HTTPLimits {
        var limits = HTTPLimits()
        limits.connections = OpenFileLimit.connections(wanted: configuration.limits.connections)
        if limits.connections < configuration.limits.connections {
            logger.notice(
                "the limit on open files allows fewer connections: raise it (ulimit -n, LimitNOFILE=)",
                metadata: ["connections": "\(limits.connections)", "wanted": "\(configuration.limits.connections)"])
        }
        limits.header = TimeAmount(configuration.timing.requestHeader)
        limits.body = TimeAmount(configuration.timing.requestBody)
        // Streams and polls wait for the backplane; the broker ends those that are not read.
        limits.response = nil
        limits.stall = nil
        limits.idle = TimeAmount(configuration.timing.idleConnection)
        // Tokens of clients in many groups are long.
        limits.headerBytes = configuration.limits.headerBytes
        limits.headerFields = 256
        return limits
    }

    /// Tells the clients to reconnect, which a load balancer leads elsewhere, and gives them time to do so.
    private func drain(_ parts: HubNodeParts) async {
        await parts.broker.drain()
        await parts.core.drain()
        let deadline = ContinuousClock.now + configuration.timing.drain
        while await parts.hasClientsToDrain, ContinuousClock.now < deadline {
            try? await Task.sleep(for: .milliseconds(20))
        }
        await parts.shutDown()
    }

    private static func result(_ body: () async throws -> Void) async -> Result<Void, any Error> {
        do {
            try await body()
            return .success(())
        } catch is CancellationError {
            return .success(())
        } catch {
            return .failure(error)
        }
    }
}

/// Errors that prevent a node from running.
public enum HubNodeError: Error, Sendable, CustomStringConvertible {
    case cannotListen(address: String, reason: String)
    /// The hubs cannot be served with these settings.
    case invalidHubs(String)

    public var description: String {
        switch self {
        case .cannotListen(let address, let reason):
            "cannot listen on \(address): \(reason); name another address"
        case .invalidHubs(let reason): reason
        }
    }
}

/// Observes a node's activity on the backplane; the end-to-end check uses it to determine which envelope was lost
/// where.
///
/// All calls are on the node's event loop and must not block.
package protocol HubNodeObserver: Sendable {
    /// The node published a message, to which Redis assigned this id.
    func published(id: UInt64, message: Message)
    /// The node receives everything published from now on, and can publish.
    func opened()
    /// The node's subscription or publishing connection has ended: until ``opened()`` it receives nothing.
    func closed(reason: String)
    /// Ids that the node missed, both included.
    func missed(from: UInt64, to: UInt64)
    /// The counter was set back.
    func counterReset(from: UInt64, to: UInt64)
    /// The node receives from the backplane of ASP.NET Core SignalR from now on.
    func coreOpened()
    /// The node's subscription to the backplane of ASP.NET Core SignalR has ended: until ``coreOpened()`` it receives
    /// nothing.
    func coreClosed(reason: String)
}

extension HubNodeObserver {
    /// Does nothing, for nodes without a backplane of ASP.NET Core.
    package func coreOpened() {}
    /// Does nothing, for nodes without a backplane of ASP.NET Core.
    package func coreClosed(reason: String) {}

    fileprivate func noted(_ event: CoreBusEvent) {
        switch event {
        case .subscribed: coreOpened()
        case .unsubscribed(let reason): coreClosed(reason: reason)
        case .canPublish, .cannotPublish, .batch, .oversized: break
        }
    }
}
