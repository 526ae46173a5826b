import Backplane
import Logging
import Prometheus

/// Finds and runs the method called by a client.
struct HubDispatcher: Sendable {
    private let hubs: [CaselessName: Hub]
    /// Whether error responses include the reason.
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

    /// Finds the called method and counts the call, also as an error if there is no such method.
    ///
    /// - Parameters:
    ///   - arguments: number of values in the call.
    ///   - streams: number of streams in the call.
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

    /// Runs a method returned by ``find(_:in:arguments:streams:)``.
    ///
    /// - Parameter requestID: the client's id of the call, if any.
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

    /// An error thrown by a method while its items are read.
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

/// Why a call has no result, independent of the client's protocol.
enum CallProblem: Error, CustomStringConvertible {
    case unknownMethod(String)
    case argumentCount(String, given: Int, expected: Int)
    /// An argument has the wrong type.
    case binding(any Error)
    /// Thrown by the method; the text of a ``HubError`` is for the caller.
    case thrown(any Error)

    var description: String {
        switch self {
        // SignalR 2 looks up a method by name and number of arguments together.
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
