import HTTPTypes
import NIOCore
import NIOHTTPTypes

/// Ends connections that take too long over a request, send too much with it, or do not read its answer: however a
/// client drips its bytes, it holds a connection for a bounded time only.
final class RequestClock: ChannelDuplexHandler, RemovableChannelHandler {
    typealias InboundIn = HTTPRequestPart
    typealias InboundOut = HTTPRequestPart
    typealias OutboundIn = HTTPResponsePart
    typealias OutboundOut = HTTPResponsePart

    /// Answers that have no end, or are large: each piece of them must be read in time, not the whole.
    private static let streamingTypes: Set<String> = ["text/event-stream", "application/octet-stream"]

    private let limits: WebLimits
    private var bodyBytes = 0
    private var isAnswering = false
    private var isStreaming = false
    private var isQuiescing = false
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
        switch unwrapOutboundIn(data) {
        case .head(let head):
            isStreaming = Self.streamingTypes.contains(head.headerFields[.contentType] ?? "")
            context.write(data, promise: promise)
        case .body where isStreaming:
            let written = whenWritten(promise, context) { clock, context in
                if clock.isAnswering, !clock.isQuiescing { clock.start(clock.limits.response, context: context) }
            }
            context.write(data, promise: written)
        case .body:
            context.write(data, promise: promise)
        case .end:
            let written = whenWritten(promise, context) { clock, context in
                clock.isAnswering = false
                if !clock.isQuiescing { clock.start(clock.limits.idle, context: context) }
            }
            context.write(data, promise: written)
        }
    }

    private func whenWritten(
        _ promise: EventLoopPromise<Void>?, _ context: ChannelHandlerContext,
        _ body: @escaping @Sendable (RequestClock, ChannelHandlerContext) -> Void
    ) -> EventLoopPromise<Void> {
        let written = promise ?? context.eventLoop.makePromise()
        let bound = NIOLoopBound((self, context), eventLoop: context.eventLoop)
        written.futureResult.whenSuccess { body(bound.value.0, bound.value.1) }
        return written
    }

    /// The server stops: nobody is waited for who has not even asked.
    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if event is ChannelShouldQuiesceEvent {
            isQuiescing = true
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
