import DequeModule
import NIOCore
import Time

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// One connection of a ``RedisSubscriber``: feeds what the socket delivers to the reader, hands each read's envelopes on
/// as one batch, and does what ``SubscriberMachine`` says. Nothing here waits, touches a disk or allocates for an
/// envelope.
final class SubscriberHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let reader: RESPReader
    private let sink: any EnvelopeSink
    private let timing: RedisSubscriber.Timing
    private let greeting: [[RESPArgument]]
    private var machine: SubscriberMachine
    private var pacer = ReadPacer()
    /// Bytes of the read under way.
    private var bytesRead = 0
    private var ticker: RepeatedTask?
    private var handshakeTimeout: Scheduled<Void>?
    /// Who waits for an answer to a PING, in the order of asking.
    private var fences = Deque<(_ isPassed: Bool) -> Void>()

    /// Succeeds when every channel is confirmed.
    private let subscribed: EventLoopPromise<Void>
    /// Succeeds when a confirmed subscription has ended.
    private let ended: EventLoopPromise<DisconnectCause>

    /// - Parameter server: the one that this connection leads to.
    init(
        configuration: RedisConfiguration, credentials: RedisCredentials?, server: RedisEndpoint, channels: [String],
        timing: RedisSubscriber.Timing, sink: any EnvelopeSink, subscribed: EventLoopPromise<Void>,
        ended: EventLoopPromise<DisconnectCause>
    ) {
        self.sink = sink
        self.timing = timing
        self.subscribed = subscribed
        self.ended = ended
        let handshake = SubscriberHandshake(
            configuration: configuration, credentials: credentials, endpoint: server.description, channels: channels)
        greeting = handshake.commands
        machine = SubscriberMachine(
            handshake: handshake, tls: TLSWatch(configuration, server: server),
            handshakeSeconds: Int(timing.handshakeTimeout.nanoseconds / 1_000_000_000))
        reader = RESPReader(channels: channels)
        reader.batch = sink.nextBatch()
    }

    func channelActive(context: ChannelHandlerContext) {
        send(greeting, context: context)
        let bound = NIOLoopBound((self, context), eventLoop: context.eventLoop)
        handshakeTimeout = context.eventLoop.scheduleTask(in: timing.handshakeTimeout) {
            let (handler, context) = bound.value
            handler.handle(.handshakeOverdue, context: context)
        }
        ticker = context.eventLoop.scheduleRepeatedTask(
            initialDelay: timing.pingInterval, delay: timing.pingInterval
        ) { _ in
            let (handler, context) = bound.value
            handler.handle(.tick, context: context)
        }
        context.read()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let buffer = unwrapInboundIn(data)
        bytesRead += buffer.readableBytes
        handle(.heard, context: context)
        reader.batch?.receivedAt = SystemClock.realtime()
        let problem = buffer.withUnsafeReadableBytes { reader.feed($0) }
        // What must wait until the envelopes of this read are handed on.
        var late: [SubscriberMachine.Action] = []
        for reply in reader.takeReplies() {
            guard let action = machine.handle(.reply(reply)) else { continue }
            switch action {
            case .subscribed: perform(action, context: context)
            // What came in this read behind the PONG is handed on before it, too, which does no harm.
            default: late.append(action)
            }
        }
        if let problem, let action = machine.handle(.failed(.protocolError(problem), failure: nil)) {
            late.append(action)
        }
        deliver()
        // Closing tells the sink at once, and the envelopes came before it.
        for action in late { perform(action, context: context) }
    }

    private func deliver() {
        guard let batch = reader.batch, batch.count > 0 else { return }
        if machine.wasSubscribed {
            reader.batch = sink.nextBatch()
            sink.deliver(batch)
        } else {
            // Redis confirms every channel before it sends anything of them. So this is a connection that is refused:
            // to a server whose default user has no password a wrong one denies nothing but the login.
            batch.reset()
        }
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
        let input: SubscriberMachine.Input =
            switch machine.tls.failure(error, context: context) {
            // The server closed without TLS' farewell, as Redis does.
            case .connectionClosed?: .failed(.closedByServer, failure: nil)
            case let failure?: .failed(.ioError(failure.description), failure: failure)
            case nil:
                .failed(
                    .ioError(ConnectFailure.words(of: error)),
                    failure: (error as? IOError)?.errnoCode == ECONNRESET ? machine.tls.closed : nil)
            }
        handle(input, context: context)
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        machine.tls.noticed(event)
        context.fireUserInboundEventTriggered(event)
    }

    func channelInactive(context: ChannelHandlerContext) {
        ticker?.cancel()
        handshakeTimeout?.cancel()
        reader.abandonLarge()
        handle(.inactive, context: context)
        while let fence = fences.popFirst() { fence(false) }
        context.fireChannelInactive()
    }

    /// Asks with a PING, whose answer comes behind everything that Redis has sent by then.
    ///
    /// - Parameter onPassed: called with true behind the last of it, or with false if the connection ends before.
    func fence(context: ChannelHandlerContext, _ onPassed: @escaping (_ isPassed: Bool) -> Void) {
        guard context.channel.isActive, let action = machine.handle(.fence) else { return onPassed(false) }
        fences.append(onPassed)
        perform(action, context: context)
    }

    /// Ends the connection on our own wish: `stopped` or `failover`.
    func leave(_ cause: DisconnectCause, context: ChannelHandlerContext) {
        handle(.leave(cause), context: context)
    }

    // MARK: - What the machine says

    private func handle(_ input: SubscriberMachine.Input, context: ChannelHandlerContext) {
        if let action = machine.handle(input) { perform(action, context: context) }
    }

    private func perform(_ action: SubscriberMachine.Action, context: ChannelHandlerContext) {
        switch action {
        case .sendPing: send([["PING"]], context: context)
        case .subscribed(let subscription):
            reader.sink = sink
            handshakeTimeout?.cancel()
            sink.subscribed(subscription)
            subscribed.succeed(())
        case .fence(let isPassed): fences.popFirst()?(isPassed)
        case .close: context.closeAtOnce()
        case .disconnected(let cause):
            sink.disconnected(cause)
            ended.succeed(cause)
        case .refused(let error):
            subscribed.fail(error)
            ended.fail(error)
        }
    }

    private func send(_ commands: [[RESPArgument]], context: ChannelHandlerContext) {
        var buffer = context.channel.allocator.buffer(capacity: 256)
        for command in commands { RESPEncoder.encode(command, into: &buffer) }
        context.writeAndFlush(wrapOutboundOut(buffer), promise: nil)
    }
}

/// Decides when a busy connection is read again.
///
/// A burst would otherwise wake us for each envelope, which costs more than the envelope itself. A quiet connection is
/// read at once. One that had something to read as soon as we listened rests first, so that the kernel collects what
/// comes: shortly, or for longer where much comes. At most that is added to the time of receipt, and only while
/// envelopes come close together.
struct ReadPacer {
    static let shortRest = TimeAmount.microseconds(500)
    static let longRest = TimeAmount.milliseconds(2)
    /// A read of this many bytes makes the rest a long one.
    static let much = 8 * 1024
    /// After a read of this many bytes there is probably more: no rest.
    static let large = 64 * 1024
    /// Something to read within this time after we listened means that the connection is busy.
    static let busyWithin = TimeAmount.microseconds(500)

    /// When we listened again after the last read.
    private var listenedAt: NIODeadline?

    /// A read is done.
    ///
    /// - Returns: how long to rest before the next; nil to read on at once.
    mutating func pause(afterReading bytes: Int, at now: NIODeadline) -> TimeAmount? {
        let isBusy = listenedAt.map { now - $0 < Self.busyWithin } ?? false
        guard bytes < Self.large, isBusy else {
            listenedAt = now
            return nil
        }
        let rest = bytes < Self.much ? Self.shortRest : Self.longRest
        listenedAt = now + rest
        return rest
    }
}
