import DequeModule
import NIOCore
import Time

/// One connection of a ``RedisSubscriber``: feeds received bytes to the reader, passes the envelopes of each read on as
/// one batch, and performs the actions of ``SubscriberMachine``. Nothing here blocks, uses the disk or allocates per
/// envelope.
final class SubscriberHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    /// A change of names, which Redis confirms with the last of its commands.
    private final class PendingChange {
        var commands = 0
        var refusal: String?
        let isConfirmed: (_ refusal: String?) -> Void

        init(_ isConfirmed: @escaping (_ refusal: String?) -> Void) { self.isConfirmed = isConfirmed }
    }

    /// A command without its replies, and the changes that wait for them.
    private struct PendingCommand {
        let names: Set<SubscribedName.Key>
        let isAdding: Bool
        var changes: [PendingChange]
    }

    private let reader: RESPReader
    private let sink: any EnvelopeSink
    private let timing: RedisSubscriber.Timing
    private let greeting: [[RESPArgument]]
    private let wanted: WantedNames
    /// The names requested on this connection.
    private var asked: Set<SubscribedName.Key>
    /// Changes of names in order of request.
    private var commands = Deque<PendingCommand>()
    private var machine: SubscriberMachine
    private var timer: CommandTimer
    private var pacer = ReadPacer()
    /// Bytes of the current read.
    private var bytesRead = 0
    private var ticker: RepeatedTask?
    private var handshakeTimeout: Scheduled<Void>?
    /// nil without a password file.
    private var keeper: LoginKeeper?
    private let configuration: RedisConfiguration
    private let credentials: RedisCredentials?
    /// Callers waiting for the reply to a PING, in order.
    private var fences = Deque<(_ isPassed: Bool) -> Void>()

    /// Succeeds when every channel is confirmed.
    private let subscribed: EventLoopPromise<Subscription>
    /// Succeeds when a confirmed subscription has ended.
    private let ended: EventLoopPromise<DisconnectCause>

    /// - Parameters:
    ///   - server: the server of this connection.
    ///   - wanted: the names to subscribe to; may change.
    init(
        configuration: RedisConfiguration, credentials: RedisCredentials?, server: RedisEndpoint, wanted: WantedNames,
        timing: RedisSubscriber.Timing, sink: any EnvelopeSink, subscribed: EventLoopPromise<Subscription>,
        ended: EventLoopPromise<DisconnectCause>
    ) {
        (self.configuration, self.credentials) = (configuration, credentials)
        self.sink = sink
        self.timing = timing
        self.wanted = wanted
        self.subscribed = subscribed
        self.ended = ended
        timer = CommandTimer(configuration.observer)
        let names = wanted.list
        asked = Set(names.map(\.key))
        let handshake = SubscriberHandshake(
            configuration: configuration, credentials: credentials, endpoint: server.description,
            names: names.map(\.key))
        greeting = handshake.commands
        machine = SubscriberMachine(
            handshake: handshake, tls: TLSWatch(configuration, server: server),
            handshakeSeconds: Int(timing.handshakeTimeout.nanoseconds / 1_000_000_000))
        reader = RESPReader(
            names: names, header: wanted.header, keepsAll: wanted.keepsAll,
            speaksRESP3: configuration.passwordFile != nil)
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
        // Actions to perform after the envelopes of this read were passed on.
        var late: [SubscriberMachine.Action] = []
        for reply in reader.takeReplies() {
            timer.received(reply)
            guard let action = machine.handle(.reply(reply)) else { continue }
            switch action {
            case .subscribed: perform(action, context: context)
            // Envelopes after the PONG in the same read are passed on before this action too, which is harmless.
            default: late.append(action)
            }
        }
        if let problem, let action = machine.handle(.failed(.protocolError(problem), failure: nil)) {
            late.append(action)
        }
        deliver()
        // Closing notifies the sink immediately, and the envelopes came first.
        for action in late { perform(action, context: context) }
    }

    private func deliver() {
        guard let batch = reader.batch, batch.count > 0 else { return }
        if machine.wasSubscribed {
            reader.batch = sink.nextBatch()
            sink.deliver(batch)
        } else if !machine.isJoining {
            // For a refused connection: a server whose default user has no password rejects only the login. While names
            // are unconfirmed, messages of the others wait for the last confirmation.
            batch.reset()
        }
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
        keeper?.stop()
        keeper = nil
        reader.abandonLarge()
        handle(.inactive, context: context)
        while let fence = fences.popFirst() { fence(false) }
        while let command = commands.popFirst() { answered(command, refusal: Self.connectionEnded) }
        context.fireChannelInactive()
    }

    /// Sends a PING, whose reply follows everything that Redis has sent so far.
    ///
    /// - Parameter onPassed: called with true after the last of it, or with false if the connection ends first.
    func fence(context: ChannelHandlerContext, _ onPassed: @escaping (_ isPassed: Bool) -> Void) {
        guard context.channel.isActive, let action = machine.handle(.fence) else { return onPassed(false) }
        fences.append(onPassed)
        perform(action, context: context)
    }

    // MARK: - Changing the subscribed names

    /// Reported instead of a refusal if the next connection will request the names.
    static let connectionEnded = "the connection ended"

    /// Adds or removes subscriptions.
    ///
    /// - Parameters:
    ///   - isAdding: false to remove.
    ///   - isConfirmed: called after the last envelope before the change, with nil or Redis' reason. During setup of
    ///     the connection it is called with ``connectionEnded`` immediately: the current names are then requested
    ///     together.
    func change(
        _ names: [SubscribedName.Key], isAdding: Bool, context: ChannelHandlerContext,
        _ isConfirmed: @escaping (_ refusal: String?) -> Void
    ) {
        guard !machine.isJoining, context.channel.isActive else { return isConfirmed(Self.connectionEnded) }
        reader.setNames(wanted.list)
        let change = PendingChange(isConfirmed)
        let new = names.filter { asked.contains($0) != isAdding }
        // An earlier change has requested the others: without Redis' reply they are not confirmed.
        let others = Set(names).subtracting(new)
        for index in commands.indices where !commands[index].names.isDisjoint(with: others) {
            commands[index].changes.append(change)
            change.commands += 1
        }
        var requests: [[RESPArgument]] = []
        for isPattern in [false, true] {
            let some = new.filter { $0.isPattern == isPattern }
            guard !some.isEmpty, machine.handle(.change(names: some.count)) == .sendChange else { continue }
            let word = (isPattern ? "P" : "") + (isAdding ? "" : "UN") + "SUBSCRIBE"
            requests.append([.text(word)] + some.map { .bytes($0.name) })
            commands.append(PendingCommand(names: Set(some), isAdding: isAdding, changes: [change]))
            change.commands += 1
        }
        guard change.commands > 0 else { return isConfirmed(nil) }
        guard !requests.isEmpty else { return }
        if isAdding { asked.formUnion(new) } else { asked.subtract(new) }
        send(requests, context: context)
    }

    private func answered(_ command: PendingCommand, refusal: String?) {
        if refusal != nil, command.isAdding { asked.subtract(command.names) }
        for change in command.changes {
            change.commands -= 1
            change.refusal = change.refusal ?? refusal
            if change.commands == 0 { change.isConfirmed(change.refusal) }
        }
    }

    /// Applies changes made during setup of the connection.
    private func catchUp(context: ChannelHandlerContext) {
        let names = Set(wanted.list.map(\.key))
        let (missing, left) = (names.subtracting(asked), asked.subtracting(names))
        if !missing.isEmpty { change(Array(missing), isAdding: true, context: context) { _ in } }
        if !left.isEmpty { change(Array(left), isAdding: false, context: context) { _ in } }
    }

    /// From now on a changed password is sent.
    private func keepLogin(context: ChannelHandlerContext) {
        let bound = NIOLoopBound((self, context), eventLoop: context.eventLoop)
        keeper = LoginKeeper(
            configuration, credentials: credentials, endpoint: machine.tls.endpoint, loop: context.eventLoop
        ) { credentials in
            let (handler, context) = bound.value
            guard handler.machine.handle(.login) == .sendLogin else { return }
            handler.send([credentials.authCommand], context: context)
        }
        keeper?.start()
    }

    /// Ends the connection deliberately: `stopped` or `failover`.
    func leave(_ cause: DisconnectCause, context: ChannelHandlerContext) {
        handle(.leave(cause), context: context)
    }

    // MARK: - Actions of the machine

    private func handle(_ input: SubscriberMachine.Input, context: ChannelHandlerContext) {
        if let action = machine.handle(input) { perform(action, context: context) }
    }

    private func perform(_ action: SubscriberMachine.Action, context: ChannelHandlerContext) {
        switch action {
        case .sendPing: send([["PING"]], context: context)
        // Sent by the caller.
        case .sendChange, .sendLogin: break
        case .loggedIn(let reply): keeper?.answered(reply)
        case .changed(let refusal):
            if let command = commands.popFirst() { answered(command, refusal: refusal) }
        case .subscribed(let subscription):
            reader.sink = sink
            handshakeTimeout?.cancel()
            sink.subscribed(subscription)
            subscribed.succeed(subscription)
            catchUp(context: context)
            keepLogin(context: context)
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
        timer.sent(commands)
        context.writeAndFlush(wrapOutboundOut(buffer), promise: nil)
    }
}
