import Backplane
import NIOCore
import NIOHTTP1
import NIOWebSocket

/// A client's webSocket: passes calls to the hubs and sends the responses. Frames from the backplane are written by the
/// broker, bypassing this handler.
final class WebSocketHandler: ChannelInboundHandler {
    typealias InboundIn = WebSocketFrame
    typealias OutboundOut = WebSocketFrame

    private let request: SessionRequest
    private let line: WebSocketLine
    private let broker: MessageBroker
    private let calls: HubCalls
    private let metrics: HubMetrics
    private let maximumMessageBytes: Int
    private var outlet: UInt64?

    init(
        request: SessionRequest, line: WebSocketLine, broker: MessageBroker, calls: HubCalls,
        metrics: HubMetrics, maximumMessageBytes: Int = HubNodeLimits().inboundMessageBytes
    ) {
        self.maximumMessageBytes = maximumMessageBytes
        self.request = request
        self.line = line
        self.broker = broker
        self.calls = calls
        self.metrics = metrics
    }

    func handlerAdded(context: ChannelHandlerContext) {
        let (request, line) = (request, line)
        outlet = broker.assumeIsolated { $0.open(request, line: .webSocket(line)) }
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let frame = unwrapInboundIn(data)
        switch frame.opcode {
        case .text:
            // The aggregator looks at messages of several frames only.
            guard frame.length <= maximumMessageBytes else {
                metrics.refused(.tooLarge)
                return line.close(.messageTooLarge)
            }
            received(Array(buffer: frame.unmaskedData))
        case .ping:
            context.writeAndFlush(
                wrapOutboundOut(WebSocketFrame(fin: true, opcode: .pong, data: frame.unmaskedData)), promise: nil)
        case .connectionClose:
            line.close()
        case .pong:
            break
        default:
            line.close(.unacceptableData)
        }
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        guard context.channel.isWritable else { return }
        let id = request.connectionID
        broker.assumeIsolated { $0.becameWritable(connectionID: id) }
    }

    func channelInactive(context: ChannelHandlerContext) {
        if let outlet {
            let id = request.connectionID
            broker.assumeIsolated { $0.closed(connectionID: id, outlet: outlet) }
        }
        context.fireChannelInactive()
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if event is ChannelShouldQuiesceEvent {
            line.close(.goingAway)
        }
        context.fireUserInboundEventTriggered(event)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        if error is NIOWebSocketFrameAggregator.Error || error as? NIOWebSocketError == .invalidFrameLength {
            metrics.refused(.tooLarge)
            line.close(.messageTooLarge)
        } else {
            context.close(promise: nil)
        }
    }

    private func received(_ json: [UInt8]) {
        guard let call = HubRequest(decoding: json) else {
            // A real node logs unreadable messages and continues.
            metrics.refused(.protocolError)
            return
        }
        let (request, line) = (request, line)
        calls.assumeIsolated { calls in
            calls.answer(call, of: request) { answer in
                if let answer { line.send(text: ByteBuffer(bytes: answer)) }
            }
        }
    }
}

/// A webSocket for the broker: writes on the event loop, without waiting.
final class WebSocketLine: Sendable {
    private let channel: any Channel
    /// Writes from here bypass the frame encoder.
    private let encoder: NIOLoopBound<ChannelHandlerContext>

    /// - Parameter channel: upgraded to webSockets; this is called on its event loop.
    /// - Throws: `ChannelPipelineError` otherwise.
    init(channel: any Channel) throws {
        self.channel = channel
        encoder = NIOLoopBound(
            try channel.pipeline.syncOperations.context(handlerType: WebSocketFrameEncoder.self),
            eventLoop: channel.eventLoop)
    }

    var isWritable: Bool { channel.isWritable }

    func send(_ delivery: Outlet.Delivery) {
        switch delivery {
        case .frame(let frame):
            write(frame)
            flush()
        case .keepAlive: send(text: ByteBuffer(staticString: "{}"))
        case .end: close()
        }
    }

    func send(text: ByteBuffer) {
        channel.writeAndFlush(WebSocketFrame(fin: true, opcode: .text, data: text), promise: nil)
    }

    /// Nothing is sent before ``flush()``.
    func write(_ frame: EncodedFrame) {
        encoder.value.write(NIOAny(frame.webSocket), promise: nil)
    }

    func flush() {
        encoder.value.flush()
    }

    /// Stops reading from the client: its send buffer fills, and it must wait.
    func stopReading() {
        try? channel.syncOptions?.setOption(.autoRead, value: false)
    }

    func readOn() {
        guard (try? channel.syncOptions?.getOption(.autoRead)) == false else { return }
        try? channel.syncOptions?.setOption(.autoRead, value: true)
    }

    /// Sends a close frame and closes, without waiting for the peer's close frame.
    func close(_ code: WebSocketErrorCode = .normalClosure) {
        var data = ByteBufferAllocator().buffer(capacity: 2)
        data.write(webSocketErrorCode: code)
        channel.writeAndFlush(WebSocketFrame(fin: true, opcode: .connectionClose, data: data), promise: nil)
        channel.close(promise: nil)
    }
}

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
