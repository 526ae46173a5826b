import Backplane
import Logging
import Prometheus

/// Finds the method that a client calls, and runs it.
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

    /// - Parameters:
    ///   - arguments: JSON each.
    ///   - requestID: of the call, as the client gave it; nil if it gave none.
    /// - Returns: nil if there is no such hub, for which a real node has no answer either.
    func outcome(
        of method: String, in hubName: String, arguments: [[UInt8]], requestID: String?, caller: HubCaller,
        publisher: any Publisher
    ) async -> HubOutcome? {
        guard let hub = hub(named: hubName) else {
            metrics.refused(.unknownHub)
            return nil
        }
        let found = hub.method(method, arity: arguments.count)
        // A name that is not registered must not become a label.
        let label = found?.name ?? "unknown"
        metrics.invocations.with(hub.name, label).increment()
        do {
            guard let found else { throw CallFailure.unknownMethod(method) }
            let call = HubCall(
                connectionID: caller.connectionID, user: caller.user, hub: hub.name, requestID: requestID,
                publisher: publisher)
            let result = try await found.body(call, arguments)
            metrics.results.increment()
            return .result(result)
        } catch {
            metrics.invocationErrors.with(hub.name, label).increment()
            if let error = error as? HubError { return .refusal(error.message, data: error.data) }
            logger.info(
                "a hub method failed", metadata: ["hub": "\(hub.name)", "method": "\(label)", "cause": "\(error)"])
            return .failure(
                detailedErrors ? "\(error)" : "There was an error invoking Hub method '\(hubName).\(method)'.")
        }
    }
}

/// Whose call it is.
struct HubCaller: Sendable {
    let connectionID: String
    /// Empty if there is none.
    let user: String
}

/// How a call ended, before a client's protocol words it.
enum HubOutcome: Sendable {
    /// JSON; nil for a method without a result.
    case result([UInt8]?)
    /// The method's own word to the caller (``HubError``).
    case refusal(String, data: JSONValue?)
    case failure(String)
}
