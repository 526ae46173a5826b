import DequeModule
import NIOCore

/// The event-loop side of a ``RedisClient``: matches replies to commands by their order.
final class ClientHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private struct Pending {
        var missing: Int
        let onReply: @Sendable (Result<RESPValue, RedisError>) -> Void
    }

    private let endpoint: String
    private let reader = RESPReader()
    private var pending = Deque<Pending>()
    private var context: ChannelHandlerContext?
    private var failure: RedisError?

    init(endpoint: String) {
        self.endpoint = endpoint
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
            for _ in 0..<count { onReply(.failure(failure ?? .connectionClosed(endpoint: endpoint))) }
            return
        }
        pending.append(Pending(missing: count, onReply: onReply))
        context.writeAndFlush(wrapOutboundOut(bytes), promise: nil)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let problem = unwrapInboundIn(data).withUnsafeReadableBytes { reader.feed($0) }
        for reply in reader.takeReplies() {
            guard !pending.isEmpty else {
                fail(unasked(reply), context: context)
                return
            }
            pending[0].missing -= 1
            pending[0].onReply(.success(reply))
            if pending[0].missing == 0 { pending.removeFirst() }
        }
        if let problem { fail(.notRedis(endpoint: endpoint, reason: problem), context: context) }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        fail(.connectionClosed(endpoint: endpoint), context: context)
    }

    func channelInactive(context: ChannelHandlerContext) {
        let error = failure ?? .connectionClosed(endpoint: endpoint)
        while let next = pending.popFirst() {
            for _ in 0..<next.missing { next.onReply(.failure(error)) }
        }
        context.fireChannelInactive()
    }

    /// Ends the connection on our own wish, with this error for what is unanswered.
    func giveUp(_ error: RedisError) {
        if let context { fail(error, context: context) }
    }

    private func unasked(_ reply: RESPValue) -> RedisError {
        // A server that is full or protected says so before it is asked, and closes.
        if case .error(let text) = reply {
            return .from(reply: text, command: "the connection", endpoint: endpoint)
        }
        return .notRedis(endpoint: endpoint, reason: "a reply that nobody asked for")
    }

    private func fail(_ error: RedisError, context: ChannelHandlerContext) {
        if failure == nil { failure = error }
        context.close(promise: nil)
    }
}
