import Hummingbird
import NIOCore
import NIOPosix

/// The parts of a node; all run on one event loop.
struct HubNodeParts: Sendable {
    let configuration: HubNodeConfiguration
    let dispatcher: HubDispatcher
    let metrics: HubMetrics
    let broker: MessageBroker
    /// Nil if no clients of ASP.NET Core SignalR are served.
    let core: CoreBroker?
    let group: MultiThreadedEventLoopGroup

    var gate: RequestGate {
        RequestGate(
            path: configuration.path, sealer: TokenSealer(key: configuration.tokenKey), dispatcher: dispatcher)
    }

    var route: CoreRoute? { core == nil ? nil : configuration.core.map { CoreRoute(path: $0.path) } }

    var upgrader: WebSocketUpgrader {
        WebSocketUpgrader(
            gate: gate, broker: broker, calls: calls, metrics: metrics,
            maximumMessageBytes: configuration.limits.inboundMessageBytes, core: upgrade)
    }

    var router: Router<HubRequestContext> {
        HubHTTP.router(
            endpoint: SignalREndpoint(
                configuration: configuration, gate: gate, calls: calls, broker: broker, metrics: metrics),
            core: coreEndpoint, coreBroker: core, page: ChatPage(configuration: configuration), metrics: metrics,
            broker: broker)
    }

    private var calls: HubCalls {
        HubCalls(
            dispatcher: dispatcher,
            publisher: HubPublisher(
                signalR2: configuration.joinsSignalR2 ? broker.publisher : nil, core: core),
            executor: group.any().executor)
    }

    private var upgrade: CoreUpgrade? {
        guard let core, let route else { return nil }
        return CoreUpgrade(route: route, broker: core)
    }

    private var coreEndpoint: CoreEndpoint? {
        guard let core, let route else { return nil }
        return CoreEndpoint(configuration: configuration, route: route, broker: core, metrics: metrics)
    }

    var hasClientsToDrain: Bool {
        get async {
            if await broker.hasClientsToDrain { return true }
            return await core?.hasClientsToDrain ?? false
        }
    }

    /// Ends everything that is waiting.
    func shutDown() async {
        await broker.shutDown()
        await core?.shutDown()
    }
}
