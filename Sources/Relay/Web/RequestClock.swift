import NIOCore
import NIOHTTPTypes

/// Ends connections that take too long over a request, send too much with it, or do not read its answer: however a
/// client drips its bytes, it holds a connection for a bounded time only.
final class RequestClock: ChannelDuplexHandler, RemovableChannelHandler {
    typealias InboundIn = HTTPRequestPart
    typealias InboundOut = HTTPRequestPart
    typealias OutboundIn = HTTPResponsePart
    typealias OutboundOut = HTTPResponsePart

    private let limits: WebLimits
    private var bodyBytes = 0
    private var isAnswering = false
    private var deadline: Scheduled<Void>?

    init(limits: WebLimits) {
        self.limits = limits
    }

    func handlerAdded(context: ChannelHandlerContext) {
        // Counts from here: a TLS handshake belongs to the first request.
        start(limits.request, context: context)
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        deadline?.cancel()
    }

    func channelInactive(context: ChannelHandlerContext) {
        deadline?.cancel()
        context.fireChannelInactive()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head:
            bodyBytes = 0
            start(limits.request, context: context)
        case .body(let bytes):
            bodyBytes += bytes.readableBytes
            guard bodyBytes <= limits.bodyBytes else {
                context.close(promise: nil)
                return
            }
        case .end:
            isAnswering = true
            start(limits.response, context: context)
        }
        context.fireChannelRead(data)
    }

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        guard case .end = unwrapOutboundIn(data) else {
            context.write(data, promise: promise)
            return
        }
        let written = promise ?? context.eventLoop.makePromise()
        let bound = NIOLoopBound((self, context), eventLoop: context.eventLoop)
        written.futureResult.whenSuccess {
            let (clock, context) = bound.value
            clock.isAnswering = false
            clock.start(clock.limits.idle, context: context)
        }
        context.write(data, promise: written)
    }

    /// The server stops: nobody is waited for who has not even asked.
    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if event is ChannelShouldQuiesceEvent {
            start(isAnswering ? limits.farewell : .zero, context: context)
        }
        context.fireUserInboundEventTriggered(event)
    }

    private func start(_ limit: TimeAmount, context: ChannelHandlerContext) {
        deadline?.cancel()
        let channel = context.channel
        deadline = context.eventLoop.scheduleTask(in: limit) { channel.close(promise: nil) }
    }
}
