import DequeModule

/// The state machine of one subscribing connection: maps events to actions. No I/O, no clock.
///
/// The handler performs the actions after the call, so there is no reentrancy.
struct SubscriberMachine: ~Copyable {
    private enum State: ~Copyable {
        /// Until every name is confirmed.
        case joining(SubscriberHandshake)
        case subscribed(LivenessMonitor, questions: Deque<Question>)
        /// The socket is being closed for this cause.
        case leaving(DisconnectCause, wasSubscribed: Bool, failure: RedisError?)
        case ended(wasSubscribed: Bool)
    }

    /// A command awaiting its reply. Redis replies in order.
    private enum Question: Equatable {
        /// PING, to detect a dead peer.
        case liveness
        /// PING: a caller waits for everything that Redis has sent so far.
        case fence
        /// SUBSCRIBE and similar, with one confirmation per name.
        case change(confirmations: Int)
        /// AUTH
        case login
    }

    enum Input {
        /// Bytes arrived.
        case heard
        /// A reply that is not a message of a channel.
        case reply(RESPValue)
        /// The socket, TLS or the protocol failed.
        ///
        /// - Parameter failure: the error of the handshake; nil for the error that matches the cause.
        case failed(DisconnectCause, failure: RedisError?)
        /// The handshake timed out.
        case handshakeOverdue
        /// One interval of ``LivenessMonitor`` has passed.
        case tick
        /// A caller waits until everything that Redis has sent so far has been passed on.
        case fence
        /// The names have changed: one command, with this many names.
        case change(names: Int)
        /// The password has changed: one command.
        case login
        /// Deliberate end: `stopped` or `failover`.
        case leave(DisconnectCause)
        /// The socket is closed.
        case inactive
    }

    enum Action: Equatable {
        case sendPing
        /// Notify the sink, and callers waiting for the subscription.
        case subscribed(Subscription)
        /// The oldest fence is answered: everything before it has arrived, or is unknown.
        case fence(isPassed: Bool)
        /// Send the command of the ``Input/change(names:)``.
        case sendChange
        /// The oldest change is confirmed, or refused with Redis' reason.
        case changed(refusal: String?)
        /// Send the command of the ``Input/login``.
        case sendLogin
        /// The reply to it.
        case loggedIn(RESPValue)
        case close
        /// A confirmed subscription has ended.
        case disconnected(DisconnectCause)
        /// There was no subscription.
        case refused(RedisError)
    }

    /// State of the connection's TLS, for error texts.
    var tls: TLSWatch
    private let handshakeSeconds: Int
    private var state: State

    /// - Parameter handshakeSeconds: the limit of the handshake, for the error.
    init(handshake: SubscriberHandshake, tls: TLSWatch, handshakeSeconds: Int) {
        self.tls = tls
        self.handshakeSeconds = handshakeSeconds
        state = .joining(handshake)
    }

    /// Whether names are unconfirmed.
    var isJoining: Bool {
        switch state {
        case .joining: true
        case .subscribed: false
        case .leaving: false
        case .ended: false
        }
    }

    /// Whether envelopes count: every name was confirmed, even if the connection is closing now.
    var wasSubscribed: Bool {
        switch state {
        case .joining: false
        case .subscribed: true
        case .leaving(_, let wasSubscribed, _): wasSubscribed
        case .ended(let wasSubscribed): wasSubscribed
        }
    }

    /// - Returns: what to do; nil for nothing.
    mutating func handle(_ input: Input) -> Action? {
        // Moved out, so that a state's contents are changed in place; every path below restores a state.
        var current = State.ended(wasSubscribed: false)
        swap(&state, &current)
        return switch consume current {
        case .joining(let handshake): join(handshake, input)
        case .subscribed(let monitor, let questions): listen(monitor, questions, input)
        case .leaving(let cause, let wasSubscribed, let failure):
            leave(cause, wasSubscribed: wasSubscribed, failure: failure, input)
        case .ended(let wasSubscribed): end(wasSubscribed: wasSubscribed)
        }
    }

    // MARK: - Each state

    private mutating func join(_ handshake: consuming SubscriberHandshake, _ input: Input) -> Action? {
        switch input {
        case .heard:
            tls.heard()
            state = .joining(handshake)
            return nil
        case .reply(let reply):
            switch handshake.received(reply) {
            case .wait:
                state = .joining(handshake)
                return nil
            case .subscribed:
                let subscription = handshake.subscription
                // The peer sent something in the first interval.
                state = .subscribed(LivenessMonitor(hasHeard: true), questions: [])
                return .subscribed(subscription)
            case .fail(let error):
                return close(.serverError(error.description), wasSubscribed: false, failure: error)
            }
        case .failed(let cause, let failure): return close(cause, wasSubscribed: false, failure: failure)
        case .handshakeOverdue: return close(.noAnswer, wasSubscribed: false)
        case .leave(let cause): return close(cause, wasSubscribed: false)
        // The current names are requested once the rest is confirmed, and the handshake has the current password.
        case .tick, .fence, .change, .login:
            state = .joining(handshake)
            return nil
        case .inactive:
            state = .ended(wasSubscribed: false)
            return .refused(tls.closed)
        }
    }

    private mutating func listen(
        _ monitor: consuming LivenessMonitor, _ questions: consuming Deque<Question>, _ input: Input
    ) -> Action? {
        var action: Action?
        switch input {
        case .heard:
            tls.heard()
            monitor.heard()
        case .reply(let reply) where reply.isPong:
            if questions.popFirst() == .fence { action = .fence(isPassed: true) }
        case .reply(.error(let text)):
            // If PING is not permitted or unknown, there is no fence, and the refusal proves as well as a reply that the
            // server is alive; if a name is not permitted, the others stay; if a password is refused, the last one
            // stays valid. None is a reason to disconnect.
            switch questions.popFirst() {
            case .fence where RedisError.refusesCommand(text): action = .fence(isPassed: false)
            case .liveness where RedisError.refusesCommand(text): break
            case .change: action = .changed(refusal: text)
            case .login: action = .loggedIn(.error(text))
            case .fence, .liveness, nil: return close(.serverError(text), wasSubscribed: true)
            }
        case .reply(let reply) where reply == .status("OK") && questions.first == .login:
            questions.removeFirst()
            action = .loggedIn(reply)
        case .reply(let reply) where reply.isConfirmation:
            guard case .change(let left)? = questions.first else { break }
            questions.removeFirst()
            if left > 1 {
                questions.prepend(.change(confirmations: left - 1))
            } else {
                action = .changed(refusal: nil)
            }
        case .reply, .handshakeOverdue:
            break
        case .failed(let cause, _), .leave(let cause):
            return close(cause, wasSubscribed: true)
        case .tick:
            switch monitor.tick() {
            case .none: break
            case .giveUp: return close(.noAnswer, wasSubscribed: true)
            case .sendPing:
                questions.append(.liveness)
                action = .sendPing
            }
        case .fence:
            questions.append(.fence)
            action = .sendPing
        case .change(let names):
            questions.append(.change(confirmations: names))
            action = .sendChange
        case .login:
            questions.append(.login)
            action = .sendLogin
        case .inactive:
            state = .ended(wasSubscribed: true)
            return .disconnected(.closedByServer)
        }
        state = .subscribed(monitor, questions: questions)
        return action
    }

    /// The first cause of the end counts, not the consequences of closing.
    private mutating func leave(
        _ cause: DisconnectCause, wasSubscribed: Bool, failure: RedisError?, _ input: Input
    ) -> Action? {
        switch input {
        case .inactive:
            state = .ended(wasSubscribed: wasSubscribed)
            return wasSubscribed ? .disconnected(cause) : .refused(failure ?? error(for: cause))
        case .failed(_, let later):
            state = .leaving(cause, wasSubscribed: wasSubscribed, failure: failure ?? later)
            return .close
        case .leave:
            state = .leaving(cause, wasSubscribed: wasSubscribed, failure: failure)
            return .close
        case .heard, .reply, .handshakeOverdue, .tick, .fence, .change, .login:
            if case .heard = input { tls.heard() }
            state = .leaving(cause, wasSubscribed: wasSubscribed, failure: failure)
            return nil
        }
    }

    private mutating func end(wasSubscribed: Bool) -> Action? {
        state = .ended(wasSubscribed: wasSubscribed)
        return nil
    }

    private mutating func close(
        _ cause: DisconnectCause, wasSubscribed: Bool, failure: RedisError? = nil
    ) -> Action {
        state = .leaving(cause, wasSubscribed: wasSubscribed, failure: failure)
        return .close
    }

    /// Why there is no subscription.
    private func error(for cause: DisconnectCause) -> RedisError {
        switch cause {
        case .protocolError(let text): .notRedis(endpoint: tls.endpoint, reason: text)
        case .ioError(let text): .cannotConnect(endpoint: tls.endpoint, failure: .other(text))
        case .noAnswer: tls.noAnswer(seconds: handshakeSeconds)
        case .closedByServer, .serverError, .failover, .serverStopping, .stopped: tls.closed
        }
    }
}

extension RESPValue {
    /// A subscriber's reply to PING.
    fileprivate var isPong: Bool { array?.first?.text == "pong" || text == "PONG" }

    /// A subscriber's reply to one name of SUBSCRIBE, PSUBSCRIBE, UNSUBSCRIBE or PUNSUBSCRIBE.
    fileprivate var isConfirmation: Bool {
        guard let parts = array, parts.count == 3, let word = parts[0].text else { return false }
        return ["subscribe", "psubscribe", "unsubscribe", "punsubscribe"].contains(word)
    }
}
