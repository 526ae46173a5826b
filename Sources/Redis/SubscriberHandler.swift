import DequeModule
import NIOCore
import Time

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// One connection of a ``RedisSubscriber``: feeds what the socket delivers to the reader and hands each read's
/// envelopes on as one batch. Nothing here waits, touches a disk or allocates for an envelope.
final class SubscriberHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let reader: RESPReader
    private let sink: any EnvelopeSink
    private let timing: RedisSubscriber.Timing
    private var handshake: SubscriberHandshake
    private var monitor = LivenessMonitor()
    private var pacer = ReadPacer()
    /// Bytes of the read under way.
    private var bytesRead = 0
    private var isSubscribed = false
    private var cause: DisconnectCause?
    private var ticker: RepeatedTask?
    private var handshakeTimeout: Scheduled<Void>?
    /// Of each PING that waits for its PONG: who asked for it; nil for the look after a dead peer.
    private var pings = Deque<((_ isPassed: Bool) -> Void)?>()

    /// Succeeds when every channel is confirmed.
    private let subscribed: EventLoopPromise<Void>
    /// Succeeds when a confirmed subscription has ended.
    private let ended: EventLoopPromise<DisconnectCause>
    private var tls: TLSWatch

    /// - Parameter server: the one that this connection leads to.
    init(
        configuration: RedisConfiguration, credentials: RedisCredentials?, server: RedisEndpoint, channels: [String],
        timing: RedisSubscriber.Timing, sink: any EnvelopeSink, subscribed: EventLoopPromise<Void>,
        ended: EventLoopPromise<DisconnectCause>
    ) {
        tls = TLSWatch(configuration, server: server)
        self.sink = sink
        self.timing = timing
        self.subscribed = subscribed
        self.ended = ended
        handshake = SubscriberHandshake(
            configuration: configuration, credentials: credentials, endpoint: server.description, channels: channels)
        reader = RESPReader(channels: channels)
        reader.batch = sink.nextBatch()
    }

    func channelActive(context: ChannelHandlerContext) {
        var buffer = context.channel.allocator.buffer(capacity: 256)
        for command in handshake.commands { RESPEncoder.encode(command, into: &buffer) }
        context.writeAndFlush(wrapOutboundOut(buffer), promise: nil)
        let bound = NIOLoopBound((self, context), eventLoop: context.eventLoop)
        handshakeTimeout = context.eventLoop.scheduleTask(in: timing.handshakeTimeout) {
            let (handler, context) = bound.value
            handler.handshakeTimedOut(context: context)
        }
        ticker = context.eventLoop.scheduleRepeatedTask(
            initialDelay: timing.pingInterval, delay: timing.pingInterval
        ) { _ in
            let (handler, context) = bound.value
            handler.tick(context: context)
        }
        context.read()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let buffer = unwrapInboundIn(data)
        bytesRead += buffer.readableBytes
        monitor.heard()
        tls.heard()
        reader.batch?.receivedAt = SystemClock.realtime()
        let problem = buffer.withUnsafeReadableBytes { reader.feed($0) }
        var cause = problem.map { DisconnectCause.protocolError($0) }
        var fences: [(Bool) -> Void] = []
        for reply in reader.takeReplies() {
            if isSubscribed, reply.isPong, let fence = pings.popFirst() ?? nil { fences.append(fence) }
            guard let refusal = received(reply) else { continue }
            // All commands were sent at once: the first refusal tells why, those of the rest only follow from it.
            cause = refusal
            break
        }
        if let batch = reader.batch, batch.count > 0 {
            if isSubscribed {
                reader.batch = sink.nextBatch()
                sink.deliver(batch)
            } else {
                // Redis confirms every channel before it sends anything of them. So this is a connection that is refused:
                // to a server whose default user has no password a wrong one denies nothing but the login.
                batch.reset()
            }
        }
        // What came in this read behind the PONG is handed on before it, too, which does no harm.
        for fence in fences { fence(true) }
        // Last: closing tells the sink at once, and the envelopes came before it.
        if let cause { fail(cause, context: context) }
    }

    /// The channel does not read by itself (`autoRead` is off): this says when.
    func channelReadComplete(context: ChannelHandlerContext) {
        let bytes = bytesRead
        bytesRead = 0
        guard let pause = pacer.pause(afterReading: bytes, at: context.eventLoop.now) else {
            context.read()
            return
        }
        let bound = NIOLoopBound(context, eventLoop: context.eventLoop)
        context.eventLoop.scheduleTask(in: pause) { bound.value.read() }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        guard let failure = tls.failure(error, context: context) else {
            if !isSubscribed, self.failure == nil, (error as? IOError)?.errnoCode == ECONNRESET {
                self.failure = tls.closed
            }
            fail(.ioError(ConnectFailure.words(of: error)), context: context)
            return
        }
        switch failure {
        // The server closed without TLS' farewell, as Redis does.
        case .connectionClosed: fail(.closedByServer, context: context)
        default:
            if !isSubscribed, self.failure == nil { self.failure = failure }
            fail(.ioError(failure.description), context: context)
        }
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        tls.noticed(event)
        context.fireUserInboundEventTriggered(event)
    }

    func channelInactive(context: ChannelHandlerContext) {
        ticker?.cancel()
        handshakeTimeout?.cancel()
        reader.abandonLarge()
        let cause = cause ?? .closedByServer
        if isSubscribed {
            sink.disconnected(cause)
            ended.succeed(cause)
        } else {
            let error = handshakeError(for: cause)
            subscribed.fail(error)
            ended.fail(error)
        }
        while let fence = pings.popFirst() { fence?(false) }
        context.fireChannelInactive()
    }

    /// Asks with a PING, whose answer comes behind everything that Redis has sent by then.
    ///
    /// - Parameter onPassed: called with true behind the last of it, or with false if the connection ends before.
    func fence(context: ChannelHandlerContext, _ onPassed: @escaping (_ isPassed: Bool) -> Void) {
        guard isSubscribed, cause == nil, context.channel.isActive else { return onPassed(false) }
        ping(context: context, onPassed)
    }

    /// Ends the connection on our own wish: `stopped` or `failover`.
    func leave(_ cause: DisconnectCause, context: ChannelHandlerContext) {
        fail(cause, context: context)
    }

    // MARK: - Private

    /// - Returns: why the connection must end, if it must.
    private func received(_ reply: RESPValue) -> DisconnectCause? {
        if isSubscribed {
            // PONG answers our PING, and more confirmations mean nothing new.
            if case .error(let text) = reply {
                // Where the ACL does not permit PING, a fence is not to be had; that is no reason to leave.
                guard text.hasPrefix("NOPERM"), let fence = pings.first ?? nil else { return .serverError(text) }
                pings.removeFirst()
                fence(false)
            }
            return nil
        }
        switch handshake.received(reply) {
        case .wait:
            break
        case .subscribed:
            isSubscribed = true
            reader.sink = sink
            handshakeTimeout?.cancel()
            sink.subscribed(handshake.subscription)
            subscribed.succeed(())
        case .fail(let error):
            failure = error
            return .serverError(error.description)
        }
        return nil
    }

    private var failure: RedisError?

    private func handshakeError(for cause: DisconnectCause) -> RedisError {
        if let failure { return failure }
        switch cause {
        case .protocolError(let text): return .notRedis(endpoint: tls.endpoint, reason: text)
        case .ioError(let text):
            return .cannotConnect(endpoint: tls.endpoint, failure: .other(text))
        case .noAnswer: return tls.noAnswer(seconds: Int(timing.handshakeTimeout.nanoseconds / 1_000_000_000))
        case .closedByServer, .serverError, .failover, .stopped: return tls.closed
        }
    }

    private func handshakeTimedOut(context: ChannelHandlerContext) {
        if !isSubscribed { fail(.noAnswer, context: context) }
    }

    private func tick(context: ChannelHandlerContext) {
        guard isSubscribed else { return }
        switch monitor.tick() {
        case .none: break
        case .giveUp: fail(.noAnswer, context: context)
        case .sendPing: ping(context: context, nil)
        }
    }

    private func ping(context: ChannelHandlerContext, _ onPassed: ((Bool) -> Void)?) {
        pings.append(onPassed)
        var buffer = context.channel.allocator.buffer(capacity: 32)
        RESPEncoder.encode(["PING"], into: &buffer)
        context.writeAndFlush(wrapOutboundOut(buffer), promise: nil)
    }

    private func fail(_ cause: DisconnectCause, context: ChannelHandlerContext) {
        if self.cause == nil { self.cause = cause }
        context.closeAtOnce()
    }

}

extension RESPValue {
    /// A subscriber's answer to PING.
    fileprivate var isPong: Bool { array?.first?.text == "pong" || text == "PONG" }
}
