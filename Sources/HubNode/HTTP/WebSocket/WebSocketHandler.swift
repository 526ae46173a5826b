import NIOCore
import NIOWebSocket
import Backplane

/// A client's webSocket: hands its calls to the hubs and the answers back. Frames from the backplane are written by the
/// broker, past this.
final class WebSocketHandler: ChannelInboundHandler {
    typealias InboundIn = WebSocketFrame
    typealias OutboundOut = WebSocketFrame

    private let request: SessionRequest
    private let line: WebSocketLine
    private let broker: MessageBroker
    private let dispatcher: HubDispatcher
    private let metrics: HubMetrics
    private var outlet: UInt64?

    init(
        request: SessionRequest, line: WebSocketLine, broker: MessageBroker, dispatcher: HubDispatcher,
        metrics: HubMetrics
    ) {
        self.request = request
        self.line = line
        self.broker = broker
        self.dispatcher = dispatcher
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
            // A real node logs what it cannot read and goes on.
            metrics.refused(.protocolError)
            return
        }
        let (request, dispatcher, line) = (request, dispatcher, line)
        broker.assumeIsolated { broker in
            broker.answer(call, of: request, by: dispatcher) { answer in
                if let answer { line.send(text: ByteBuffer(bytes: answer)) }
            }
        }
    }
}
