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

    /// - Parameter onUpgrade: called on the event loop once a connection has become a webSocket.
    func typedUpgrader(
        onUpgrade: @escaping @Sendable () -> Void
    ) -> NIOTypedWebSocketServerUpgrader<HubChildChannel.Outcome> {
        NIOTypedWebSocketServerUpgrader(
            maxFrameSize: maximumMessageBytes,
            shouldUpgrade: { channel, head in
                channel.eventLoop.makeSucceededFuture(request(head) == nil ? nil : HTTPHeaders())
            },
            upgradePipelineHandler: { channel, head in
                channel.eventLoop.makeCompletedFuture {
                    onUpgrade()
                    if let request = request(head) {
                        try channel.pipeline.syncOperations.addHandlers([
                            NIOWebSocketFrameAggregator(
                                minNonFinalFragmentSize: 0, maxAccumulatedFrameCount: 1024,
                                maxAccumulatedFrameSize: maximumMessageBytes),
                            WebSocketHandler(
                                request: request, line: try WebSocketLine(channel: channel), broker: broker,
                                calls: calls, metrics: metrics),
                        ])
                    }
                    return .webSocket
                }
            })
    }

    func isAdmitted(_ head: HTTPRequestHead) -> Bool { request(head) != nil }

    private func request(_ head: HTTPRequestHead) -> SessionRequest? {
        let (path, fields) = FormFields.split(uri: head.uri)
        guard let endpoint = gate.endpoint(of: path), endpoint == .connect || endpoint == .reconnect,
            case .success(let request) = gate.sessionRequest(endpoint, fields: fields, form: FormFields()),
            request.transport == .webSockets
        else { return nil }
        return request
    }
}
