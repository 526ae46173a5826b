import NIOCore
import NIOHTTP1

/// The first handler of a connection: counts bytes, and closes the connection bypassing all other handlers.
final class ConnectionFront: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer

    private let connection: HTTPConnection

    init(_ connection: HTTPConnection) {
        self.connection = connection
    }

    func channelActive(context: ChannelHandlerContext) {
        context.fireChannelActive()
        let context = NIOLoopBound(context, eventLoop: context.eventLoop)
        connection.entered { context.value.close(promise: nil) }
    }

    func channelInactive(context: ChannelHandlerContext) {
        connection.left()
        context.fireChannelInactive()
    }

    func handlerRemoved(context: ChannelHandlerContext) { connection.left() }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        connection.received(unwrapInboundIn(data).readableBytes) { context.fireChannelRead(data) }
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        context.fireUserInboundEventTriggered(event)
        if event is ChannelShouldQuiesceEvent {
            connection.stops()
        } else if event as? ChannelEvent == .inputClosed, connection.isDeaf {
            // The client has read the reason.
            context.close(promise: nil)
        }
    }
}

/// Responds to bytes that the request decoder rejects.
final class ParseErrorHandler: ChannelInboundHandler {
    typealias InboundIn = NIOAny

    private let connection: HTTPConnection

    init(_ connection: HTTPConnection) {
        self.connection = connection
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) { context.fireChannelRead(data) }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        if error is HTTPParserError, connection.refuse(for: error) { return }
        context.fireErrorCaught(error)
    }
}
