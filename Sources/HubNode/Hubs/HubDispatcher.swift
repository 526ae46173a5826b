import Logging
import Prometheus
import Backplane

/// Finds the method that a client calls, runs it, and words the answer.
struct HubDispatcher: Sendable {
    private let hubs: [CaselessName: Hub]
    private let detailedErrors: Bool
    private let metrics: HubMetrics
    private let logger: Logger

    init(hubs: [Hub], detailedErrors: Bool, metrics: HubMetrics, logger: Logger) {
        self.hubs = Dictionary(hubs.map { (CaselessName($0.name), $0) }) { first, _ in first }
        self.detailedErrors = detailedErrors
        self.metrics = metrics
        self.logger = logger
    }

    var all: [Hub] { hubs.values.sorted { $0.name < $1.name } }

    func hub(named name: String) -> Hub? {
        hubs[CaselessName(name)]
    }

    /// - Returns: the answer's JSON; nil if there is no such hub, for which a real node has no answer either.
    func answer(
        to request: HubRequest, connectionID: String, user: String, broker: MessageBroker
    ) async -> [UInt8]? {
        guard let hub = hub(named: request.hub) else {
            metrics.refused(.unknownHub)
            return nil
        }
        let method = hub.method(request.method, arity: request.arguments.count)
        // A name that is not registered must not become a label.
        let label = method?.name ?? "unknown"
        metrics.invocations.with(hub.name, label).increment()
        do {
            guard let method else { throw CallFailure.unknownMethod(request.method) }
            let call = HubCall(
                connectionID: connectionID, user: user, hub: hub.name, requestID: request.id, broker: broker)
            let result = try await method.body(call, request.arguments)
            metrics.results.increment()
            return HubResponse.result(result, id: request.id)
        } catch {
            metrics.invocationErrors.with(hub.name, label).increment()
            if let error = error as? HubError {
                return HubResponse.error(error.message, isHubError: true, data: error.data, id: request.id)
            }
            logger.info(
                "a hub method failed", metadata: ["hub": "\(hub.name)", "method": "\(label)", "cause": "\(error)"])
            let message =
                detailedErrors
                ? "\(error)" : "There was an error invoking Hub method '\(request.hub).\(request.method)'."
            return HubResponse.error(message, id: request.id)
        }
    }
}
