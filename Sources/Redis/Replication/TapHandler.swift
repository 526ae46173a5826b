import DequeModule
import NIOCore
import Time

/// One connection of a ``ReplicationTap``: feeds received bytes to the stream, passes the envelopes of each read on as one
/// batch, and performs the actions of ``TapMachine``. Nothing here blocks, uses the disk or allocates per envelope.
final class TapHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    /// Where a connection's results go.
    struct Outputs {
        let sink: any EnvelopeSink
        let observer: (any TapObserver)?
        let progress: TapProgress
        /// Called on the event loop when the server may be stopping.
        let suspectStop: @Sendable () -> Void
        /// Called on the event loop when an attached server has sent nothing for too long.
        let suspectSilence: @Sendable () -> Void
        /// Succeeds on attaching.
        let attached: EventLoopPromise<TapAttachment>
        /// Succeeds when the connection has ended without a failure.
        let ended: EventLoopPromise<TapMachine.End>
    }

    /// After this long without a byte, a server that prepares a full sync, or whose PING period is unknown, is given up.
    private static let longestSilence = TimeAmount.seconds(60)

    private let server: RedisEndpoint
    private let wanted: WantedNames
    private let timing: ReplicationTap.Timing
    private let outputs: Outputs
    private let greeting: [[RESPArgument]]
    private var machine: TapMachine
    private var timer: CommandTimer
    /// Before PSYNC.
    private let replies = RESPReader()
    /// After it.
    private var stream: ReplicationStream
    private var isStreaming = false
    private var transferBytes: Int64 = 0
    private var pacer = ReadPacer()
    /// Bytes of the current read.
    private var bytesRead = 0
    private var hasHeard = false
    /// Time without a byte.
    private var silence = TimeAmount.zero
    private var silenceLimit: TimeAmount
    private var ticker: RepeatedTask?
    private var handshakeTimeout: Scheduled<Void>?
    private var stopTimer: Scheduled<Void>?
    /// Callers waiting for an offset.
    private var fences = OffsetFences()
    private var position: ReplicationPosition?

    /// - Parameters:
    ///   - server: the server of this connection.
    ///   - wanted: the wanted names; may change, see ``renewNames()``.
    ///   - observer: notified of answered commands.
    init(
        handshake: TapHandshake, machine: TapMachine, server: RedisEndpoint, wanted: WantedNames,
        timing: ReplicationTap.Timing, observer: RedisObserver?, outputs: Outputs
    ) {
        self.server = server
        self.wanted = wanted
        self.timing = timing
        self.outputs = outputs
        self.machine = machine
        timer = CommandTimer(observer)
        greeting = handshake.commands
        silenceLimit = Self.longestSilence
        stream = ReplicationStream(offset: 0, names: [], header: wanted.header, keepsAll: wanted.keepsAll)
    }

    func channelActive(context: ChannelHandlerContext) {
        send(greeting, context: context)
        let bound = NIOLoopBound((self, context), eventLoop: context.eventLoop)
        handshakeTimeout = context.eventLoop.scheduleTask(in: timing.handshakeTimeout) {
            let (handler, context) = bound.value
            handler.handle(.handshakeOverdue, context: context)
        }
        ticker = context.eventLoop.scheduleRepeatedTask(initialDelay: timing.ackInterval, delay: timing.ackInterval) {
            _ in
            let (handler, context) = bound.value
            handler.tick(context: context)
        }
        context.read()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let buffer = unwrapInboundIn(data)
        bytesRead += buffer.readableBytes
        hasHeard = true
        _ = machine.handle(.heard)
        guard machine.isReading else { return }
        guard isStreaming else {
            let problem = buffer.withUnsafeReadableBytes { replies.feed($0) }
            for reply in replies.takeReplies() {
                timer.received(reply)
                handle(.reply(reply), context: context)
            }
            if let problem { handle(.failed(.protocolError(problem), failure: nil), context: context) }
            return
        }
        let now = SystemClock.realtime()
        stream.batch?.receivedAt = now
        let problem = buffer.withUnsafeReadableBytes { stream.feed($0) }
        for event in stream.takeEvents() {
            if event.isAnswer { timer.answered(isError: false) }
            handle(.event(event), context: context)
        }
        deliver(at: now)
        if let problem { handle(.failed(.protocolError(problem), failure: nil), context: context) }
    }

    private func deliver(at now: UInt64) {
        if machine.wasAttached {
            if let batch = stream.batch, batch.count > 0 {
                stream.batch = outputs.sink.nextBatch()
                outputs.sink.deliver(batch)
            }
            position?.offset = stream.offset
        } else {
            stream.batch?.reset()
        }
        outputs.progress.read(
            offset: machine.wasAttached ? stream.offset : nil, counts: stream.counts,
            transferBytes: stream.transferBytes - transferBytes, at: now)
        transferBytes = stream.transferBytes
        for onPassed in fences.take(upTo: stream.offset) { onPassed(true) }
    }

    /// The channel does not read automatically (`autoRead` is off): this triggers the next read.
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
        let (cause, failure) = machine.tls.end(by: error, context: context)
        handle(.failed(cause, failure: failure), context: context)
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        machine.tls.noticed(event)
        context.fireUserInboundEventTriggered(event)
    }

    func channelInactive(context: ChannelHandlerContext) {
        ticker?.cancel()
        handshakeTimeout?.cancel()
        stopTimer?.cancel()
        stream.abandon()
        handle(.inactive, context: context)
        for onPassed in fences.take(upTo: .max) { onPassed(false) }
        context.fireChannelInactive()
    }

    // MARK: - From the tap

    /// The wanted names have changed.
    ///
    /// - Returns: false if there is no attachment.
    func renewNames() -> Bool {
        stream.setNames(wanted.list)
        return machine.isAttached
    }

    /// Waits for an offset.
    ///
    /// - Parameters:
    ///   - limit: the longest wait; nil for any.
    ///   - onPassed: called with true after the last envelope before it, or with false if the connection ends first.
    func fence(
        at place: ReplicationPosition, within limit: TimeAmount?, context: ChannelHandlerContext,
        _ onPassed: @escaping (_ isPassed: Bool) -> Void
    ) {
        guard machine.isAttached, place.history == position?.history else { return onPassed(false) }
        guard place.offset > stream.offset else { return onPassed(true) }
        let number = fences.add(place.offset, onPassed)
        guard let limit else { return }
        let bound = NIOLoopBound(self, eventLoop: context.eventLoop)
        context.eventLoop.scheduleTask(in: limit) { bound.value.fences.remove(number)?(false) }
    }

    /// Ends the connection deliberately.
    func leave(_ cause: DisconnectCause, context: ChannelHandlerContext) {
        handle(.leave(cause), context: context)
    }

    // MARK: - Actions of the machine

    private func handle(_ input: TapMachine.Input, context: ChannelHandlerContext) {
        for action in machine.handle(input) { perform(action, context: context) }
    }

    private func perform(_ action: TapMachine.Action, context: ChannelHandlerContext) {
        switch action {
        case .request(let position):
            handshakeTimeout?.cancel()
            stream = ReplicationStream(
                offset: position?.offset ?? 0, counts: outputs.progress.figures.commands, names: wanted.list,
                header: wanted.header, keepsAll: wanted.keepsAll)
            stream.batch = outputs.sink.nextBatch()
            stream.sink = outputs.sink
            isStreaming = true
            let arguments: [RESPArgument] =
                position.map { [.text($0.history), "\($0.offset + 1)"] } ?? ["?", "-1"]
            send([["PSYNC"] + arguments], context: context)
        case .syncing(let facts, let position):
            outputs.progress.syncing(to: position, at: context.eventLoop.now)
            outputs.observer?.syncing(facts)
        case .attached(let attachment): attached(attachment, context: context)
        case .suspectStop: suspectStop(context: context)
        case .close: context.closeAtOnce()
        case .ended(let end):
            if case .detached(let cause) = end, let position {
                outputs.observer?.detached(cause, at: position)
                outputs.sink.disconnected(cause)
            }
            if end == .backlogOpened { outputs.progress.triedToOpenBacklog() }
            outputs.attached.fail(TapFailure.redis(machine.tls.closed))
            outputs.ended.succeed(end)
        case .failed(let failure):
            outputs.attached.fail(failure)
            outputs.ended.fail(failure)
        }
    }

    private func attached(_ attachment: TapAttachment, context: ChannelHandlerContext) {
        position = attachment.position
        let facts = attachment.facts
        silenceLimit =
            timing.silence ?? facts.pingPeriodSeconds.map { .seconds(Int64($0) + 2) } ?? Self.longestSilence
        outputs.progress.attached(attachment, to: server)
        outputs.observer?.attached(attachment)
        outputs.sink.subscribed(
            Subscription(server: facts.server, connectionID: facts.connectionID, endpoint: server.description))
        // After a diskless transfer the server sends nothing before the first acknowledgement.
        acknowledge(context: context)
        outputs.attached.succeed(attachment)
    }

    /// Always 0: the tap has none of the data, and `WAIT` must not count it.
    private func acknowledge(context: ChannelHandlerContext) {
        send([["REPLCONF", "ACK", "0"]], isAnswered: false, context: context)
    }

    private func tick(context: ChannelHandlerContext) {
        silence = hasHeard ? .zero : silence + timing.ackInterval
        hasHeard = false
        if isStreaming, silence >= silenceLimit {
            // A replica without a link to its master is silent too.
            guard machine.isAttached else { return handle(.failed(.noAnswer, failure: nil), context: context) }
            silence = .zero
            outputs.suspectSilence()
        }
        if machine.isAttached { acknowledge(context: context) }
    }

    /// The server waits for its replicas: for a WAIT, or because it is stopping; then it writes nothing more.
    private func suspectStop(context: ChannelHandlerContext) {
        guard stopTimer == nil else { return }
        let written = stream.counts.writes
        let bound = NIOLoopBound(self, eventLoop: context.eventLoop)
        stopTimer = context.eventLoop.scheduleTask(in: timing.stopPatience) {
            let handler = bound.value
            handler.stopTimer = nil
            guard handler.machine.isAttached, handler.stream.counts.writes == written else { return }
            handler.outputs.suspectStop()
        }
    }

    private func send(_ commands: [[RESPArgument]], isAnswered: Bool = true, context: ChannelHandlerContext) {
        if isAnswered { timer.sent(commands) }
        var buffer = context.channel.allocator.buffer(capacity: 256)
        for command in commands { RESPEncoder.encode(command, into: &buffer) }
        context.writeAndFlush(wrapOutboundOut(buffer), promise: nil)
    }
}
