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

/// A SignalR 2 node: serves hubs to clients over HTTP and shares their messages with other nodes through Redis.
///
/// The path of a message: ``RedisMessageBus`` (subscription) -> ``MessageBroker`` (recipients) -> the webSocket or the
/// response (``PullTransport``) of each recipient. The path of a call: ``WebSocketHandler`` or ``SignalREndpoint`` ->
/// ``HubDispatcher`` -> the hub's method -> ``Publisher`` (as the generation's messages) -> ``RedisMessageBus``.
///
/// Everything specific to a generation is in `SignalR2`: the wire of the backplane, the codec of clients, their cursors
/// and tokens. Hubs, groups, outboxes, webSockets and limits are shared.
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
    /// - Throws: ``HubNodeError`` if the address cannot be bound; `RedisError` if the first connection to Redis fails
    ///   for a permanent reason.
    public func run() async throws {
        // A single loop for the bus, the broker and every socket: they share state without locks.
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let loop = group.any()
        let metrics = HubMetrics(version: configuration.version)
        let bus = RedisMessageBus(
            redis: configuration.redis, channel: configuration.channel,
            limits: configuration.limits, eventLoopGroup: group, executor: loop.executor,
            logger: logger)
        let publisher = SignalR2Publisher(
            bus: bus, acknowledgementTime: configuration.timing.acknowledgement, metrics: metrics, observer: observer,
            executor: loop.executor, logger: logger)
        let broker = MessageBroker(
            publisher: publisher, configuration: configuration, metrics: metrics, observer: observer,
            executor: loop.executor, logger: logger)
        let outcome = await serve(bus: bus, broker: broker, metrics: metrics, group: group)
        await broker.shutDown()
        try await group.shutdownGracefully()
        try outcome.get()
        logger.info("stopped")
    }

    private func serve(
        bus: RedisMessageBus, broker: MessageBroker, metrics: HubMetrics, group: MultiThreadedEventLoopGroup
    ) async -> Result<Void, any Error> {
        let server = ServiceGroup(
            configuration: ServiceGroupConfiguration(
                services: [application(broker: broker, metrics: metrics, group: group)],
                logger: Logger(label: "services") { _ in SwiftLogNoOpLogHandler() }))
        let address = "\(configuration.listenHost):\(configuration.listenPort)"
        let ticker = group.any().scheduleRepeatedTask(initialDelay: .seconds(1), delay: .seconds(1)) { _ in
            broker.assumeIsolated { $0.tick() }
        }
        defer { ticker.cancel() }
        return await withTaskGroup(of: Result<Void, any Error>.self) { tasks in
            tasks.addTask {
                await Self.result {
                    try await bus.run { event in broker.assumeIsolated { $0.handle(event) } }
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
                    await drain(broker)
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

    private func application(
        broker: MessageBroker, metrics: HubMetrics, group: MultiThreadedEventLoopGroup
    ) -> some Service {
        let dispatcher = HubDispatcher(
            hubs: hubs, detailedErrors: configuration.detailedErrors, metrics: metrics, logger: logger)
        let gate = RequestGate(
            path: configuration.path, sealer: TokenSealer(key: configuration.tokenKey), dispatcher: dispatcher)
        let calls = HubCalls(dispatcher: dispatcher, publisher: broker.publisher, executor: group.any().executor)
        let endpoint = SignalREndpoint(
            configuration: configuration, gate: gate, calls: calls, broker: broker, metrics: metrics)
        let upgrader = WebSocketUpgrader(
            gate: gate, broker: broker, calls: calls, metrics: metrics,
            maximumMessageBytes: configuration.limits.inboundMessageBytes)
        let limits = httpLimits()
        let connections = ConnectionGate(limits: limits, registry: metrics.registry, logger: logger)
        let (configuration, logger, onListening) = (configuration, logger, onListening)
        return Application(
            responder: HeadResponder(
                HubHTTP.router(
                    endpoint: endpoint, page: ChatPage(configuration: configuration), metrics: metrics, broker: broker
                ).buildResponder().showing(configuration.openPages),
                changesSomething: { gate.endpoint(of: $0.uri.path)?.changesSomething == true }),
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
                logger.info(
                    "listening",
                    metadata: [
                        "page": "http://\(configuration.listenHost):\(port)/",
                        "hubs": "http://\(configuration.listenHost):\(port)\(configuration.path)",
                    ])
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

    /// Asks the clients to reconnect, to another node through a load balancer, and gives them time to do so.
    private func drain(_ broker: MessageBroker) async {
        await broker.drain()
        let deadline = ContinuousClock.now + configuration.timing.drain
        while await broker.hasClientsToDrain, ContinuousClock.now < deadline {
            try? await Task.sleep(for: .milliseconds(20))
        }
        await broker.shutDown()
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

    public var description: String {
        switch self {
        case .cannotListen(let address, let reason):
            "cannot listen on \(address): \(reason); name another address"
        }
    }
}

/// Is notified of a node's activity on the backplane; the end-to-end check uses it to determine which envelope was lost
/// where.
///
/// All calls are on the node's event loop and must not block.
package protocol HubNodeObserver: Sendable {
    /// The node published a message, to which Redis assigned this id.
    func published(id: UInt64, message: Message)
    /// The node receives everything published from now on, and can publish.
    func opened()
    /// The node's subscription or publishing connection has ended: until ``opened()`` it is deaf.
    func closed(reason: String)
    /// Ids that the node missed, both included.
    func missed(from: UInt64, to: UInt64)
    /// The counter was set back.
    func counterReset(from: UInt64, to: UInt64)
}
