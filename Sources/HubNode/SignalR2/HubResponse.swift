import Backplane
import JSON

/// The response to a call over the transport: `{"R":value?,"I":"id"}`, or with `"H":true?,"E":"message","D":data?` in
/// the order of a real node's serializer.
///
/// Source: `Hubs/HubResponse.cs` of SignalR 2.
enum HubResponse {
    /// - Parameter result: JSON; `null` and nil are left out.
    static func result(_ result: [UInt8]?, id: String?) -> [UInt8] {
        var writer = JSONWriter()
        writer.raw("{")
        if let result, !result.elementsEqual("null".utf8) {
            writer.raw(#""R":"#)
            writer.raw(result)
            writer.raw(",")
        }
        writer.raw(#""I":"#)
        write(id, to: &writer)
        writer.raw("}")
        return writer.bytes
    }

    static func error(_ message: String, isHubError: Bool = false, data: JSONValue? = nil, id: String?) -> [UInt8] {
        var writer = JSONWriter()
        writer.raw(#"{"I":"#)
        write(id, to: &writer)
        if isHubError { writer.raw(#","H":true"#) }
        writer.raw(#","E":"#)
        writer.string(message)
        if let data {
            writer.raw(#","D":"#)
            writer.raw(data.text)
        }
        writer.raw("}")
        return writer.bytes
    }

    /// `{"I":"P|id","P":{"I":"id","D":value}}`, sent through the backplane, not over the transport.
    static func progress(_ value: [UInt8], id: String?) -> [UInt8] {
        var writer = JSONWriter()
        writer.raw(#"{"I":"#)
        writer.string("P|\(id ?? "")")
        writer.raw(#","P":{"I":"#)
        write(id, to: &writer)
        writer.raw(#","D":"#)
        writer.raw(value)
        writer.raw("}}")
        return writer.bytes
    }

    /// A call without an id is answered without one.
    private static func write(_ id: String?, to writer: inout JSONWriter) {
        if let id { writer.string(id) } else { writer.raw("null") }
    }
}

/// Runs clients' calls on the node's event loop: they start in order of arrival, and methods run there until their
/// first await.
actor HubCalls {
    private let dispatcher: HubDispatcher
    private let signalR2: SignalR2Publisher?
    private let core: CoreHubs
    private let executor: any SerialExecutor

    nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

    /// - Parameter core: the hubs whose methods reach clients of ASP.NET Core SignalR, too.
    init(
        dispatcher: HubDispatcher, signalR2: SignalR2Publisher?, core: CoreHubs, executor: any SerialExecutor
    ) {
        self.dispatcher = dispatcher
        self.signalR2 = signalR2
        self.core = core
        self.executor = executor
    }

    /// Runs a call received over HTTP, and encodes the response.
    ///
    /// - Returns: JSON; nil if there is no such hub.
    func answer(_ call: HubRequest, of request: SessionRequest) async -> [UInt8]? {
        await dispatcher.answer(
            to: call, connectionID: request.connectionID, user: request.user,
            publisher: HubPublisher(signalR2: signalR2, core: core[call.hub]?.broker))
    }

    /// Runs a call received over a webSocket. Calls do not wait for each other.
    func answer(
        _ call: HubRequest, of request: SessionRequest, then reply: @escaping @Sendable ([UInt8]?) -> Void
    ) {
        // The task starts on this actor, hence on the event loop, after earlier ones.
        Task {
            reply(await answer(call, of: request))
        }
    }
}

extension HubDispatcher {
    /// Runs a call and encodes the response.
    ///
    /// - Returns: JSON; nil if there is no such hub, for which a real node has no answer either.
    func answer(
        to request: HubRequest, connectionID: String, user: String, publisher: any Publisher
    ) async -> [UInt8]? {
        guard let hub = hub(named: request.hub) else {
            noteUnknownHub()
            return nil
        }
        switch find(request.method, in: hub, arguments: request.arguments.count) {
        case .failure(let problem): return failure(problem, of: request)
        case .success(let method) where method.needsStreams:
            return failure(.unknownMethod(request.method), of: request)
        case .success(let method):
            let outcome = await run(
                method, of: hub, arguments: HubArguments(request.arguments.map { HubArgument(json: $0) }),
                requestID: request.id, caller: HubCaller(connectionID: connectionID, user: user), publisher: publisher)
            switch outcome {
            case .success(.value(let result)): return HubResponse.result(result?.json, id: request.id)
            case .success(.stream): return failure(.unknownMethod(request.method), of: request)
            case .failure(let problem): return failure(problem, of: request)
            }
        }
    }

    private func failure(_ problem: CallProblem, of request: HubRequest) -> [UInt8] {
        if case .thrown(let error) = problem, let error = error as? HubError {
            return HubResponse.error(error.message, isHubError: true, data: error.data, id: request.id)
        }
        return HubResponse.error(
            detailedErrors
                ? "\(problem)" : "There was an error invoking Hub method '\(request.hub).\(request.method)'.",
            id: request.id)
    }
}
