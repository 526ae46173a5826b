import NIOCore
import NIOHTTP1
import NIOWebSocket

/// Decides which requests become webSockets; all others, including invalid ones, are answered over HTTP.
struct WebSocketUpgrader: Sendable {
    let gate: RequestGate
    let broker: MessageBroker
    let calls: HubCalls
    let metrics: HubMetrics
    let maximumMessageBytes: Int
    let core: CoreUpgrade?

    /// Frames of clients of ASP.NET Core SignalR may hold many messages.
    private static let largestCoreFrame = 128 * 1024

    /// - Parameter onUpgrade: called on the event loop once a connection has become a webSocket.
    func typedUpgrader(
        onUpgrade: @escaping @Sendable () -> Void
    ) -> NIOTypedWebSocketServerUpgrader<HubChildChannel.Outcome> {
        NIOTypedWebSocketServerUpgrader(
            maxFrameSize: core == nil ? maximumMessageBytes : max(maximumMessageBytes, Self.largestCoreFrame),
            shouldUpgrade: { channel, head in
                channel.eventLoop.makeSucceededFuture(isAdmitted(head) ? HTTPHeaders() : nil)
            },
            upgradePipelineHandler: { channel, head in
                channel.eventLoop.makeCompletedFuture {
                    onUpgrade()
                    if let core, let client = core.client(head) {
                        try channel.pipeline.syncOperations.addHandler(
                            CoreWebSocketHandler(
                                token: client.token, user: client.user, line: try WebSocketLine(channel: channel),
                                broker: core.broker))
                    } else if let request = request(head) {
                        try channel.pipeline.syncOperations.addHandlers([
                            NIOWebSocketFrameAggregator(
                                minNonFinalFragmentSize: 0, maxAccumulatedFrameCount: 1024,
                                maxAccumulatedFrameSize: maximumMessageBytes),
                            WebSocketHandler(
                                request: request, line: try WebSocketLine(channel: channel), broker: broker,
                                calls: calls, metrics: metrics, maximumMessageBytes: maximumMessageBytes),
                        ])
                    }
                    return .webSocket
                }
            })
    }

    func isAdmitted(_ head: HTTPRequestHead) -> Bool { core?.client(head) != nil || request(head) != nil }

    private func request(_ head: HTTPRequestHead) -> SessionRequest? {
        let (path, fields) = FormFields.split(uri: head.uri)
        guard let endpoint = gate.endpoint(of: path), endpoint == .connect || endpoint == .reconnect,
            case .success(let request) = gate.sessionRequest(endpoint, fields: fields, form: FormFields()),
            request.transport == .webSockets
        else { return nil }
        return request
    }
}

/// Decides which request becomes the webSocket of a client of ASP.NET Core SignalR.
struct CoreUpgrade: Sendable {
    let route: CoreRoute
    let broker: CoreBroker

    /// Must be called on the event loop.
    ///
    /// - Returns: nil for what is answered over HTTP: another path, an unknown connection, one that has a transport, or a
    ///   node that is about to stop.
    func client(_ head: HTTPRequestHead) -> (token: String?, user: String)? {
        let (path, fields) = FormFields.split(uri: head.uri)
        guard head.method == .GET, route.target(of: FormFields.decodedPath(path)) == .hub else { return nil }
        let token = fields["id"]
        let isAdmitted = broker.assumeIsolated { broker in
            guard let token else { return !broker.isDraining }
            if case .admitted = broker.admission(token: token, .webSockets) { return true }
            return false
        }
        return isAdmitted ? (token, fields["user"] ?? "") : nil
    }
}
