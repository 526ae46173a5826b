import Backplane
import Prometheus

/// The hubs that a node serves to clients of ASP.NET Core SignalR. Each has its own path, its own clients, and its own
/// channels on the backplane: a message of one never reaches clients of another.
///
/// What is not asynchronous must be called on the node's event loop.
struct CoreHubs: Sendable {
    /// A hub at its path.
    struct Served: Sendable {
        let route: CoreRoute
        let broker: CoreBroker
    }

    let all: [Served]
    private let byName: [CaselessName: Served]
    private let metrics: HubMetrics

    init(_ all: [Served], metrics: HubMetrics) {
        self.all = all
        self.metrics = metrics
        byName = Dictionary(all.map { (CaselessName($0.broker.hub.name), $0) }) { first, _ in first }
    }

    /// - Returns: nil if clients of ASP.NET Core SignalR are not served this hub.
    subscript(name: String) -> Served? { byName.isEmpty ? nil : byName[CaselessName(name)] }

    /// Handles an event of a hub's backplane.
    func handle(_ event: CoreBusEvent, of broker: CoreBroker) {
        broker.assumeIsolated { $0.handle(event) }
        if case .batch = event { return }
        let isUp = all.allSatisfy { served in served.broker.assumeIsolated { $0.outage == nil } }
        metrics.coreUp.set(isUp ? 1 : 0)
    }

    /// Checks for silent and dead connections; call about once a second.
    func tick() {
        var results = 0
        for served in all {
            results += served.broker.assumeIsolated { broker in
                broker.tick()
                return broker.answers.count
            }
        }
        metrics.coreResultsWaiting.set(Double(results))
    }

    /// Why a hub's backplane cannot be read or written now; nil if each can.
    var outage: String? {
        get async {
            for served in all {
                if let outage = await served.broker.outage { return outage }
            }
            return nil
        }
    }

    /// Asks every client to reconnect, to another node.
    func drain() async {
        for served in all { await served.broker.drain() }
    }

    var hasClientsToDrain: Bool {
        get async {
            for served in all where await served.broker.hasClientsToDrain { return true }
            return false
        }
    }

    /// Ends everything that is waiting.
    func shutDown() async {
        for served in all { await served.broker.shutDown() }
    }
}
