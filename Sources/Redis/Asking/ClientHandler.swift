import NIOCore

/// The event-loop side of a ``RedisClient``: transfers bytes, and performs the actions of ``ClientMachine``.
final class ClientHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer
    typealias Caller = @Sendable (Result<RESPValue, RedisError>) -> Void

    private let answerTimeout: TimeAmount
    private let onMessage: (@Sendable (RESPValue) -> Void)?
    private let reader: RESPReader
    private var machine: ClientMachine<Caller>
    private var context: ChannelHandlerContext?
    private var answerTimer: Scheduled<Void>?
    /// nil without a password file, and until the first login.
    private var keeper: LoginKeeper?

    /// - Parameter onMessage: receives messages after SUBSCRIBE; such a connection may speak RESP3.
    init(tls: TLSWatch, answerTimeout: TimeAmount, onMessage: (@Sendable (RESPValue) -> Void)? = nil) {
        self.answerTimeout = answerTimeout
        self.onMessage = onMessage
        reader = RESPReader(speaksRESP3: onMessage != nil)
        machine = ClientMachine(tls: tls, answerTimeout: answerTimeout, takesMessages: onMessage != nil)
    }

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        self.context = nil
    }

    /// Sends encoded commands.
    ///
    /// - Parameters:
    ///   - count: commands in `bytes`.
    ///   - onReply: called `count` times, in the order of the commands.
    func send(_ bytes: ByteBuffer, expecting count: Int, onReply: @escaping Caller) {
        let now = context?.eventLoop.now ?? .now()
        // Closed, but the pipeline has not been notified yet.
        if context?.channel.isActive != true { handle(.inactive) }
        guard let action = machine.handle(.send(count: count, caller: onReply, at: now)) else { return }
        guard case .write = action, let context else { return perform(action) }
        context.writeAndFlush(wrapOutboundOut(bytes), promise: nil)
        // A single timer for the oldest command: commands need no timers of their own.
        if answerTimer == nil { watchAnswers(in: answerTimeout) }
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        handle(.heard)
        let problem = unwrapInboundIn(data).withUnsafeReadableBytes { reader.feed($0) }
        for reply in reader.takeReplies() { handle(.reply(reply)) }
        if let problem { handle(.failed(.notRedis(endpoint: machine.tls.endpoint, reason: problem))) }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        let failure = machine.tls.failure(error, context: context)
        handle(.failed(failure ?? .connectionClosed(endpoint: machine.tls.endpoint)))
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        machine.tls.noticed(event)
        context.fireUserInboundEventTriggered(event)
    }

    func channelInactive(context: ChannelHandlerContext) {
        answerTimer?.cancel()
        keeper?.stop()
        keeper = nil
        handle(.inactive)
        context.fireChannelInactive()
    }

    // MARK: - Logging in again

    /// The connection has logged in: from now on a changed password is sent.
    func keepLogin(_ configuration: RedisConfiguration, _ credentials: RedisCredentials?) {
        guard let context, context.channel.isActive else { return }
        let bound = NIOLoopBound(self, eventLoop: context.eventLoop)
        keeper = LoginKeeper(
            configuration, credentials: credentials, endpoint: machine.tls.endpoint, loop: context.eventLoop
        ) { [observer = configuration.observer] in bound.value.logIn($0, observer) }
        keeper?.start()
    }

    private func logIn(_ credentials: RedisCredentials, _ observer: RedisObserver?) {
        guard let context else { return }
        let start = NIODeadline.now()
        var command = context.channel.allocator.buffer(capacity: 256)
        RESPEncoder.encode(credentials.authCommand, into: &command)
        let bound = NIOLoopBound(self, eventLoop: context.eventLoop)
        send(command, expecting: 1) { reply in
            guard case .success(let reply) = reply else { return }
            observer?.answered(.auth, (NIODeadline.now() - start).nanoseconds)
            bound.value.keeper?.answered(reply)
        }
    }

    /// Closes the connection deliberately; unanswered commands fail with this error.
    func giveUp(_ error: RedisError) {
        handle(.failed(error))
    }

    /// - Parameter seconds: how long the last reply of the login was awaited.
    func loginTimedOut(after seconds: Int) {
        giveUp(machine.tls.noAnswer(seconds: seconds))
    }

    // MARK: - Actions of the machine

    private func handle(_ input: ClientMachine<Caller>.Input) {
        if let action = machine.handle(input) { perform(action) }
    }

    private func perform(_ action: ClientMachine<Caller>.Action) {
        switch action {
        // Only commands are written, see send().
        case .write: break
        case .answer(let caller, let reply):
            if let keeper, case .error(let text) = reply, text.hasPrefix("NOAUTH") { keeper.look(isDemanded: true) }
            caller(.success(reply))
        case .message(let message): onMessage?(message)
        case .watch(let amount): watchAnswers(in: amount)
        case .close: context?.closeAtOnce()
        case .fail(let pending, let error):
            for commands in pending {
                for _ in 0..<commands.missing { commands.caller(.failure(error)) }
            }
        }
    }

    private func watchAnswers(in amount: TimeAmount) {
        guard let context else { return }
        let bound = NIOLoopBound(self, eventLoop: context.eventLoop)
        answerTimer = context.eventLoop.scheduleTask(in: amount) { [loop = context.eventLoop] in
            bound.value.answerTimer = nil
            bound.value.handle(.answersDue(loop.now))
        }
    }
}
