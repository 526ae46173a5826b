import NIOCore
import NIOWebSocket

/// The webSocket of an ASP.NET Core SignalR client: passes received data to the broker, which writes directly to the
/// socket.
final class CoreWebSocketHandler: ChannelInboundHandler {
    typealias InboundIn = WebSocketFrame
    typealias OutboundOut = WebSocketFrame

    private let token: String?
    private let user: String
    private let line: WebSocketLine
    private let broker: CoreBroker
    private var transport: CoreTransportID?

    /// - Parameter token: nil for a client without negotiation.
    init(token: String?, user: String, line: WebSocketLine, broker: CoreBroker) {
        self.token = token
        self.user = user
        self.line = line
        self.broker = broker
    }

    func handlerAdded(context: ChannelHandlerContext) {
        let (token, user, line) = (token, user, line)
        transport = broker.assumeIsolated {
            $0.open(token: token, user: user, .webSockets, line: .webSocket(line))
        }
        // The connection got another transport first.
        if transport == nil { line.close(.policyViolation) }
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let frame = unwrapInboundIn(data)
        switch frame.opcode {
        // Frame boundaries have no meaning: a message may span several frames, and a frame may contain several
        // messages.
        case .text, .binary, .continuation:
            guard let transport else { return }
            let bytes = frame.unmaskedData.readableBytesView
            let hasRoom = broker.assumeIsolated { $0.received(bytes, from: transport) }
            if !hasRoom { line.stopReading() }
        case .ping:
            context.writeAndFlush(
                wrapOutboundOut(WebSocketFrame(fin: true, opcode: .pong, data: frame.unmaskedData)), promise: nil)
        case .connectionClose:
            if let transport { broker.assumeIsolated { $0.closed(transport, byClient: true) } }
            line.close()
        case .pong: break
        default: line.close(.protocolError)
        }
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        guard context.channel.isWritable, let transport else { return }
        broker.assumeIsolated { $0.becameWritable(transport) }
    }

    func channelInactive(context: ChannelHandlerContext) {
        if let transport { broker.assumeIsolated { $0.closed(transport) } }
        context.fireChannelInactive()
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if event is ChannelShouldQuiesceEvent { line.close(.goingAway) }
        context.fireUserInboundEventTriggered(event)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        if error as? NIOWebSocketError == .invalidFrameLength, let transport {
            broker.assumeIsolated { $0.receivedTooLarge(from: transport) }
        } else {
            context.close(promise: nil)
        }
    }
}
