import Backplane
import Logging
import Prometheus

/// Finds and runs the method called by a client.
struct HubDispatcher: Sendable {
    private let hubs: [CaselessName: Hub]
    /// Whether callers are told why a method failed.
    let detailedErrors: Bool
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

    /// Finds the method that a call means; counts the call, which fails here if there is none.
    ///
    /// - Parameters:
    ///   - arguments: how many values the call brings.
    ///   - streams: how many streams.
    func find(
        _ method: String, in hub: Hub, arguments: Int, streams: Int = 0
    ) -> Result<HubMethod, CallProblem> {
        let found = hub.method(method, arity: arguments)
        // A name that is not registered must not become a label.
        metrics.invocations.with(hub.name, found?.name ?? Self.unknown).increment()
        if let found, found.streams == streams { return .success(found) }
        metrics.invocationErrors.with(hub.name, found?.name ?? Self.unknown).increment()
        let arities = hub.arities(of: method)
        let problem: CallProblem =
            arities.isEmpty
            ? .unknownMethod(method)
            : .argumentCount(
                method, given: arguments + streams,
                expected: (arities.last { $0 <= arguments } ?? arities[0]) + (found?.streams ?? 0))
        log(problem, hub, found?.name ?? Self.unknown)
        return .failure(problem)
    }

    /// Runs a method that was found.
    ///
    /// - Parameter requestID: of the call, as the client gave it; nil if it gave none.
    func run(
        _ method: HubMethod, of hub: Hub, arguments: HubArguments, requestID: String?, caller: HubCaller,
        publisher: any Publisher
    ) async -> Result<HubReturn, CallProblem> {
        let call = HubCall(
            connectionID: caller.connectionID, user: caller.user, hub: hub.name, requestID: requestID,
            publisher: publisher)
        do {
            let result = try await method.body(call, arguments)
            metrics.results.increment()
            return .success(result)
        } catch {
            metrics.invocationErrors.with(hub.name, method.name).increment()
            let problem: CallProblem = (error as? BindingError).map { .binding($0.cause) } ?? .thrown(error)
            log(problem, hub, method.name)
            return .failure(problem)
        }
    }

    /// What a method throws while its items are taken.
    func note(_ error: any Error, in method: HubMethod, of hub: Hub) {
        metrics.invocationErrors.with(hub.name, method.name).increment()
        log(.thrown(error), hub, method.name)
    }

    func noteUnknownHub() { metrics.refused(.unknownHub) }

    /// As a label.
    private static let unknown = "unknown"

    private func log(_ problem: CallProblem, _ hub: Hub, _ method: String) {
        if case .thrown(let error) = problem, error is HubError { return }
        logger.info(
            "a hub method failed", metadata: ["hub": "\(hub.name)", "method": "\(method)", "cause": "\(problem)"])
    }
}

/// Why a call has no result, before a client's protocol words it.
enum CallProblem: Error, CustomStringConvertible {
    case unknownMethod(String)
    case argumentCount(String, given: Int, expected: Int)
    /// An argument is of another type.
    case binding(any Error)
    /// By the method; ``HubError`` is meant for the caller.
    case thrown(any Error)

    var description: String {
        switch self {
        // SignalR 2 looks for a method by name and number of arguments at once.
        case .unknownMethod(let name), .argumentCount(let name, given: _, expected: _):
            "\(CallFailure.unknownMethod(name))"
        case .binding(let error), .thrown(let error): "\(error)"
        }
    }
}

/// The caller.
struct HubCaller: Sendable {
    let connectionID: String
    /// Empty if there is none.
    let user: String
}
