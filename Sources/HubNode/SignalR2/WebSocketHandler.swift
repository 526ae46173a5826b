import Backplane
import NIOCore
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
