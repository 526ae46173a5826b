import Hummingbird
import Logging
import NIOCore
import NIOPosix
import Redis

/// The parts of a node; all run on one event loop.
struct HubNodeParts: Sendable {
    let configuration: HubNodeConfiguration
    let dispatcher: HubDispatcher
    let metrics: HubMetrics
    let bus: RedisMessageBus
    let broker: MessageBroker
    let core: CoreHubs
    let group: MultiThreadedEventLoopGroup

    /// - Parameters:
    ///   - plans: the hubs for clients of ASP.NET Core SignalR.
    ///   - group: with a single event loop.
    init(
        _ configuration: HubNodeConfiguration, hubs: [Hub], plans: [CoreHubPlan], observer: (any HubNodeObserver)?,
        group: MultiThreadedEventLoopGroup, logger: Logger
    ) {
        self.group = group
        let (executor, timing) = (group.any().executor, configuration.timing)
        let metrics = HubMetrics(
            version: configuration.version, joinsSignalR2: configuration.joinsSignalR2,
            joinsCore: plans.contains { $0.settings.backplane != nil })
        self.metrics = metrics
        var configuration = configuration
        configuration.redis.observer = RedisObserver { news in
            metrics.renewed(news)
            news.log(to: logger)
        }
        self.configuration = configuration
        bus = RedisMessageBus(
            redis: configuration.redis, channel: configuration.channel, limits: configuration.limits,
            eventLoopGroup: group, executor: executor, logger: logger)
        let publisher = SignalR2Publisher(
            bus: bus, acknowledgementTime: timing.acknowledgement, metrics: metrics, observer: observer,
            executor: executor, logger: logger)
        broker = MessageBroker(
            publisher: publisher, configuration: configuration, metrics: metrics, observer: observer,
            executor: executor, logger: logger)
        let dispatcher = HubDispatcher(
            hubs: hubs, detailedErrors: configuration.detailedErrors, metrics: metrics, logger: logger)
        self.dispatcher = dispatcher
        let served = plans.map { plan in
            let bus = plan.settings.backplane.map {
                CoreBus(
                    redis: configuration.redis, settings: $0, machine: HubMachine.name, limits: configuration.limits,
                    acknowledgementTime: timing.acknowledgement, metrics: metrics, eventLoopGroup: group,
                    executor: executor, logger: logger)
            }
            return CoreHubs.Served(
                route: CoreRoute(path: plan.path),
                broker: CoreBroker(
                    settings: plan.settings, hub: plan.hub, dispatcher: dispatcher, limits: configuration.limits,
                    metrics: metrics, signalR2: configuration.joinsSignalR2 ? publisher : nil, bus: bus,
                    executor: executor, logger: logger))
        }
        core = CoreHubs(served, metrics: metrics)
    }

    var gate: RequestGate {
        RequestGate(
            path: configuration.path, sealer: TokenSealer(key: configuration.tokenKey), dispatcher: dispatcher)
    }

    var upgrader: WebSocketUpgrader {
        WebSocketUpgrader(
            gate: gate, broker: broker, calls: calls, metrics: metrics,
            maximumMessageBytes: configuration.limits.inboundMessageBytes,
            core: core.all.map { CoreUpgrade(route: $0.route, broker: $0.broker) })
    }

    var router: Router<HubRequestContext> {
        HubHTTP.router(
            endpoint: SignalREndpoint(
                configuration: configuration, gate: gate, calls: calls, broker: broker, metrics: metrics),
            core: core, page: page, metrics: metrics, broker: broker)
    }

    /// Nil if the node has no chat hub.
    var page: ChatPage? {
        guard dispatcher.hub(named: Hub.chat.name) != nil else { return nil }
        return ChatPage(configuration: configuration, core: core[Hub.chat.name])
    }

    private var calls: HubCalls {
        HubCalls(
            dispatcher: dispatcher, signalR2: configuration.joinsSignalR2 ? broker.publisher : nil, core: core,
            executor: group.any().executor)
    }

    var hasClientsToDrain: Bool {
        get async {
            if await broker.hasClientsToDrain { return true }
            return await core.hasClientsToDrain
        }
    }

    /// Ends everything that is waiting.
    func shutDown() async {
        await broker.shutDown()
        await core.shutDown()
    }
}
