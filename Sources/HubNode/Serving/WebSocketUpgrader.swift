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
    /// The hubs of ASP.NET Core SignalR.
    let core: [CoreUpgrade]

    /// Frames from clients of ASP.NET Core SignalR may contain many messages.
    private static let largestCoreFrame = 128 * 1024

    /// - Parameter onUpgrade: called on the event loop once a connection has become a webSocket.
    func typedUpgrader(
        onUpgrade: @escaping @Sendable () -> Void
    ) -> NIOTypedWebSocketServerUpgrader<HubChildChannel.Outcome> {
        NIOTypedWebSocketServerUpgrader(
            maxFrameSize: core.isEmpty ? maximumMessageBytes : max(maximumMessageBytes, Self.largestCoreFrame),
            shouldUpgrade: { channel, head in
                channel.eventLoop.makeSucceededFuture(isAdmitted(head) ? HTTPHeaders() : nil)
            },
            upgradePipelineHandler: { channel, head in
                channel.eventLoop.makeCompletedFuture {
                    onUpgrade()
                    if let client = coreClient(head) {
                        try channel.pipeline.syncOperations.addHandler(
                            CoreWebSocketHandler(
                                token: client.token, user: client.user, line: try WebSocketLine(channel: channel),
                                broker: client.broker))
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

    func isAdmitted(_ head: HTTPRequestHead) -> Bool { coreClient(head) != nil || request(head) != nil }

    private func coreClient(_ head: HTTPRequestHead) -> CoreUpgrade.Client? {
        for upgrade in core {
            if let client = upgrade.client(head) { return client }
        }
        return nil
    }

    private func request(_ head: HTTPRequestHead) -> SessionRequest? {
        let (path, fields) = FormFields.split(uri: head.uri)
        guard let endpoint = gate.endpoint(of: path), endpoint == .connect || endpoint == .reconnect,
            case .success(let request) = gate.sessionRequest(endpoint, fields: fields, form: FormFields()),
            request.transport == .webSockets
        else { return nil }
        return request
    }
}

/// Decides which request becomes the webSocket of a client of a hub of ASP.NET Core SignalR.
struct CoreUpgrade: Sendable {
    struct Client {
        let broker: CoreBroker
        /// Nil for a client without negotiation.
        let token: String?
        let user: String
    }

    let route: CoreRoute
    let broker: CoreBroker

    /// Must be called on the event loop.
    ///
    /// - Returns: nil for requests that are answered over HTTP: another path, an unknown connection, one that already
    ///   has a transport, or a stopping node.
    func client(_ head: HTTPRequestHead) -> Client? {
        let (path, fields) = FormFields.split(uri: head.uri)
        guard head.method == .GET, route.target(of: FormFields.decodedPath(path)) == .hub else { return nil }
        let token = fields["id"]
        let isAdmitted = broker.assumeIsolated { broker in
            guard let token else { return !broker.isDraining }
            if case .admitted = broker.admission(token: token, .webSockets) { return true }
            return false
        }
        return isAdmitted ? Client(broker: broker, token: token, user: fields["user"] ?? "") : nil
    }
}
