import DequeModule
import NIOCore

/// The event-loop side of a ``RedisClient``: matches replies to commands by their order.
final class ClientHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private struct Pending {
        var missing: Int
        let sentAt: NIODeadline
        let onReply: @Sendable (Result<RESPValue, RedisError>) -> Void
    }

    private let answerTimeout: TimeAmount
    /// Takes what the server sends unasked after SUBSCRIBE.
    private let onMessage: (@Sendable (RESPValue) -> Void)?
    private let reader = RESPReader()
    private var tls: TLSWatch
    private var pending = Deque<Pending>()
    private var context: ChannelHandlerContext?
    private var failure: RedisError?
    private var answerTimer: Scheduled<Void>?

    init(tls: TLSWatch, answerTimeout: TimeAmount, onMessage: (@Sendable (RESPValue) -> Void)? = nil) {
        self.tls = tls
        self.answerTimeout = answerTimeout
        self.onMessage = onMessage
    }

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        self.context = nil
    }

    func send(
        _ bytes: ByteBuffer, expecting count: Int, onReply: @escaping @Sendable (Result<RESPValue, RedisError>) -> Void
    ) {
        guard let context, context.channel.isActive else {
            for _ in 0..<count { onReply(.failure(failure ?? .connectionClosed(endpoint: tls.endpoint))) }
            return
        }
        pending.append(Pending(missing: count, sentAt: context.eventLoop.now, onReply: onReply))
        context.writeAndFlush(wrapOutboundOut(bytes), promise: nil)
        if answerTimer == nil { watchAnswers(context: context, in: answerTimeout) }
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        tls.heard()
        let problem = unwrapInboundIn(data).withUnsafeReadableBytes { reader.feed($0) }
        for reply in reader.takeReplies() {
            if let onMessage, reply.array?.first?.text == "message" {
                onMessage(reply)
                continue
            }
            guard !pending.isEmpty else {
                fail(unasked(reply), context: context)
                return
            }
            pending[0].missing -= 1
            pending[0].onReply(.success(reply))
            if pending[0].missing == 0 { pending.removeFirst() }
        }
        if let problem { fail(.notRedis(endpoint: tls.endpoint, reason: problem), context: context) }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        fail(
            tls.failure(error, context: context) ?? .connectionClosed(endpoint: tls.endpoint), context: context)
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        tls.noticed(event)
        context.fireUserInboundEventTriggered(event)
    }

    func channelInactive(context: ChannelHandlerContext) {
        answerTimer?.cancel()
        let error = failure ?? tls.closed
        // Callers that come later are told the same.
        failure = error
        while let next = pending.popFirst() {
            for _ in 0..<next.missing { next.onReply(.failure(error)) }
        }
        context.fireChannelInactive()
    }

    /// Ends the connection on our own wish, with this error for what is unanswered.
    func giveUp(_ error: RedisError) {
        if let context { fail(error, context: context) }
    }

    func loginTimedOut(after seconds: Int) {
        giveUp(tls.noAnswer(seconds: seconds))
    }

    /// One timer for all commands, set for the oldest: a command costs none of its own.
    private func watchAnswers(context: ChannelHandlerContext, in amount: TimeAmount) {
        let bound = NIOLoopBound((self, context), eventLoop: context.eventLoop)
        answerTimer = context.eventLoop.scheduleTask(in: amount) {
            let (handler, context) = bound.value
            handler.answerTimer = nil
            guard let oldest = handler.pending.first else { return }
            let waited = context.eventLoop.now - oldest.sentAt
            if waited >= handler.answerTimeout {
                let seconds = Int(handler.answerTimeout.nanoseconds / 1_000_000_000)
                handler.fail(handler.tls.noAnswer(seconds: seconds), context: context)
            } else {
                handler.watchAnswers(context: context, in: handler.answerTimeout - waited)
            }
        }
    }

    private func unasked(_ reply: RESPValue) -> RedisError {
        // A server that is full or protected says so before it is asked, and closes.
        if case .error(let text) = reply {
            return .from(reply: text, command: "the connection", endpoint: tls.endpoint)
        }
        return .notRedis(endpoint: tls.endpoint, reason: "a reply that nobody asked for")
    }

    private func fail(_ error: RedisError, context: ChannelHandlerContext) {
        if failure == nil { failure = error }
        context.closeAtOnce()
    }
}
