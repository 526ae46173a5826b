import NIOCore
import NIOWebSocket
import SignalRBackplane

/// A client's webSocket: hands its calls to the hubs and the answers back. Frames from the backplane are written by the
/// broker, past this.
final class WebSocketHandler: ChannelInboundHandler {
    typealias InboundIn = WebSocketFrame
    typealias OutboundOut = WebSocketFrame

    private let request: SessionRequest
    private let broker: MessageBroker
    private let dispatcher: HubDispatcher
    private let metrics: HubMetrics
    private var outlet: UInt64?

    init(request: SessionRequest, broker: MessageBroker, dispatcher: HubDispatcher, metrics: HubMetrics) {
        self.request = request
        self.broker = broker
        self.dispatcher = dispatcher
        self.metrics = metrics
    }

    func handlerAdded(context: ChannelHandlerContext) {
        let line = WebSocketLine(channel: context.channel)
        let request = request
        outlet = broker.assumeIsolated { $0.open(request, line: .webSocket(line)) }
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let frame = unwrapInboundIn(data)
        switch frame.opcode {
        case .text:
            received(Array(buffer: frame.unmaskedData), line: WebSocketLine(channel: context.channel))
        case .ping:
            context.writeAndFlush(
                wrapOutboundOut(WebSocketFrame(fin: true, opcode: .pong, data: frame.unmaskedData)), promise: nil)
        case .connectionClose:
            WebSocketLine(channel: context.channel).close()
        case .pong:
            break
        default:
            WebSocketLine(channel: context.channel).close(.unacceptableData)
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
            WebSocketLine(channel: context.channel).close(.goingAway)
        }
        context.fireUserInboundEventTriggered(event)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        if error is NIOWebSocketFrameAggregator.Error || error as? NIOWebSocketError == .invalidFrameLength {
            metrics.refused(.tooLarge)
            WebSocketLine(channel: context.channel).close(.messageTooLarge)
        } else {
            context.close(promise: nil)
        }
    }

    private func received(_ json: [UInt8], line: WebSocketLine) {
        guard let call = HubRequest(decoding: json) else {
            metrics.refused(.protocolError)
            line.close(.dataInconsistentWithMessage)
            return
        }
        let (request, dispatcher) = (request, dispatcher)
        broker.assumeIsolated { broker in
            broker.answer(call, of: request, by: dispatcher) { answer in
                if let answer {
                    line.send(text: ByteBuffer(bytes: answer))
                } else {
                    line.close(.policyViolation)
                }
            }
        }
    }
}
