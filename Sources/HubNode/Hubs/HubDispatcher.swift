import Backplane
import Logging
import Prometheus

/// Finds and runs the method called by a client.
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
    ///   - requestID: the client's id of the call, if any.
    /// - Returns: nil if there is no such hub; a real node sends no response either.
    func outcome(
        of method: String, in hubName: String, arguments: [[UInt8]], requestID: String?, caller: HubCaller,
        publisher: any Publisher
    ) async -> HubOutcome? {
        guard let hub = hub(named: hubName) else {
            metrics.refused(.unknownHub)
            return nil
        }
        let found = hub.method(method, arity: arguments.count)
        // An unregistered name must not become a label.
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

/// The caller.
struct HubCaller: Sendable {
    let connectionID: String
    /// Empty if there is none.
    let user: String
}

/// The result of a call, before encoding in a client's protocol.
enum HubOutcome: Sendable {
    /// JSON; nil for a method without a result.
    case result([UInt8]?)
    /// The method's error for the caller (``HubError``).
    case refusal(String, data: JSONValue?)
    case failure(String)
}
