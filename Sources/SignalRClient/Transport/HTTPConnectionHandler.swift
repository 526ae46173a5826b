import NIOCore
import NIOHTTP1
import NIOSSL

/// The last handler of an HTTP/1.1 connection: sends one request at a time and reads its response.
///
/// The body is read from the socket only as fast as it is consumed.
final class HTTPConnectionHandler: ChannelDuplexHandler {
    typealias InboundIn = HTTPClientResponsePart
    typealias OutboundIn = HTTPClientRequestPart
    typealias OutboundOut = HTTPClientRequestPart

    private enum State {
        case idle(closing: Scheduled<Void>?)
        case waiting(EventLoopPromise<HTTPExchangeResponse>, mayReuse: Bool)
        case receiving(HTTPBody.Producer.Source, mayReuse: Bool)
        case closed(any Error)
    }

    /// Nodes close their side later.
    private static let longestIdle: TimeAmount = .seconds(60)

    private var state = State.idle(closing: nil)
    private let becameIdle: (any Channel) -> Void
    private var context: ChannelHandlerContext?
    /// Responses that have begun.
    private var responses = 0
    /// The consumer has enough parts; a read that the channel asked for meanwhile is due when it wants more.
    private var isPaused = false
    private var owesRead = false

    /// - Parameter becameIdle: called on the event loop when a response is complete and the connection can be reused.
    init(becameIdle: @escaping (any Channel) -> Void) {
        self.becameIdle = becameIdle
    }

    /// Sends a request. The promise fails with ``HTTPConnectionError/closed`` if the connection ends before a response
    /// begins; with errors of TLS, of the socket, and of the HTTP parser.
    func send(_ request: HTTPExchangeRequest, _ promise: EventLoopPromise<HTTPExchangeResponse>) {
        // An error before the first request, such as that of a TLS handshake, is the answer to it.
        if case .closed(let error) = state { return promise.fail(error) }
        guard let context, case .idle(let closing) = state else { return promise.fail(HTTPConnectionError.closed) }
        closing?.cancel()
        let head = request.head
        state = .waiting(promise, mayReuse: head.isKeepAlive)
        context.write(wrapOutboundOut(.head(head)), promise: nil)
        if let body = request.body { context.write(wrapOutboundOut(.body(.byteBuffer(body))), promise: nil) }
        context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
    }

    func handlerAdded(context: ChannelHandlerContext) { self.context = context }

    func handlerRemoved(context: ChannelHandlerContext) { self.context = nil }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch (unwrapInboundIn(data), state) {
        case (.head(let head), .waiting(let promise, let mayReuse)):
            responses += 1
            let reader = HTTPBody.Reader(
                channel: context.channel, handler: NIOLoopBound(self, eventLoop: context.eventLoop), number: responses)
            let parts = HTTPBody.Producer.makeSequence(
                elementType: ByteBuffer.self, failureType: (any Error).self, backPressureStrategy: HTTPBody.watermarks,
                finishOnDeinit: true, delegate: reader)
            state = .receiving(parts.source, mayReuse: mayReuse && head.isKeepAlive)
            promise.succeed(HTTPExchangeResponse(status: head.status, body: HTTPBody(parts: parts.sequence)))
        case (.body(let part), .receiving(let source, _)):
            switch source.yield(part) {
            case .produceMore: break
            case .stopProducing: isPaused = true
            case .dropped: context.close(promise: nil)
            }
        case (.end, .receiving(let source, let mayReuse)):
            isPaused = false
            // Ready for the next request before the consumer of this response goes on.
            if mayReuse, context.channel.isActive {
                let channel = context.channel
                state = .idle(
                    closing: context.eventLoop.scheduleTask(in: Self.longestIdle) { channel.close(promise: nil) })
                becameIdle(channel)
            } else {
                state = .closed(HTTPConnectionError.closed)
                context.close(promise: nil)
            }
            source.finish()
        default: context.close(promise: nil)
        }
    }

    func read(context: ChannelHandlerContext) {
        if isPaused {
            owesRead = true
        } else {
            context.read()
        }
    }

    /// The consumer of a response's body wants more.
    func resume(_ response: Int) {
        guard response == responses else { return }
        isPaused = false
        guard owesRead else { return }
        owesRead = false
        context?.read()
    }

    /// The consumer of a response's body has stopped: the rest is not read.
    func abandon(_ response: Int, _ channel: any Channel) {
        if response == responses, case .receiving = state { channel.close(promise: nil) }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        switch error {
        case HTTPParserError.invalidEOFState, NIOSSLError.uncleanShutdown: end(HTTPConnectionError.closed)
        default: end(error)
        }
        context.close(promise: nil)
    }

    func channelInactive(context: ChannelHandlerContext) {
        end(HTTPConnectionError.closed)
        context.fireChannelInactive()
    }

    private func end(_ error: any Error) {
        let ended = state
        if case .closed = ended { return }
        state = .closed(error)
        switch ended {
        case .idle(let closing): closing?.cancel()
        case .waiting(let promise, _): promise.fail(error)
        case .receiving(let source, _): source.finish(error)
        case .closed: break
        }
    }
}

enum HTTPConnectionError: Error {
    /// The node closed the connection before the response was complete.
    case closed
    /// No response began in time.
    case timedOut
    /// The body is longer than the caller takes.
    case tooLong
}
