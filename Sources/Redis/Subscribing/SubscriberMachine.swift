import DequeModule

/// The life of one subscribing connection: takes what happened and says what to do. No I/O, no clock.
///
/// The handler performs what is returned after the call, so nothing here is entered twice.
struct SubscriberMachine: ~Copyable {
    private enum State: ~Copyable {
        /// Until every channel is confirmed.
        case joining(SubscriberHandshake)
        case subscribed(LivenessMonitor, pings: Deque<Ping>)
        /// The socket is being closed for this cause.
        case leaving(DisconnectCause, wasSubscribed: Bool, failure: RedisError?)
        case ended(wasSubscribed: Bool)
    }

    /// Why a PING is out.
    private enum Ping {
        /// To see whether the peer is alive.
        case liveness
        /// Somebody waits for what Redis has sent by then.
        case fence
    }

    enum Input {
        /// Bytes arrived.
        case heard
        /// A reply that is no message of a channel.
        case reply(RESPValue)
        /// The socket, TLS or the protocol failed.
        ///
        /// - Parameter failure: what a handshake is told of it; nil for the words that fit the cause.
        case failed(DisconnectCause, failure: RedisError?)
        /// The time for the handshake is over.
        case handshakeOverdue
        /// One interval of ``LivenessMonitor`` is over.
        case tick
        /// Somebody wants to know when all that Redis has sent by now has been handed on.
        case fence
        /// Our own wish to end it: `stopped` or `failover`.
        case leave(DisconnectCause)
        /// The socket is closed.
        case inactive
    }

    enum Action: Equatable {
        case sendPing
        /// Tell the sink, and whoever waits for the subscription.
        case subscribed(Subscription)
        /// The oldest fence has its answer: what came before it is here, or nothing will tell.
        case fence(isPassed: Bool)
        case close
        /// A confirmed subscription has ended.
        case disconnected(DisconnectCause)
        /// There never was one.
        case refused(RedisError)
    }

    /// What is known of the connection's TLS, for the words of its end.
    var tls: TLSWatch
    private let handshakeSeconds: Int
    private var state: State

    /// - Parameter handshakeSeconds: the limit of the handshake, for the error.
    init(handshake: SubscriberHandshake, tls: TLSWatch, handshakeSeconds: Int) {
        self.tls = tls
        self.handshakeSeconds = handshakeSeconds
        state = .joining(handshake)
    }

    /// Whether envelopes are ours: every channel was confirmed, even if the connection is closing now.
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
        // Moved out, so that what a state holds is changed in place; each way below puts one back.
        var current = State.ended(wasSubscribed: false)
        swap(&state, &current)
        return switch consume current {
        case .joining(let handshake): join(handshake, input)
        case .subscribed(let monitor, let pings): listen(monitor, pings, input)
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
                // It was heard in the first interval.
                state = .subscribed(LivenessMonitor(hasHeard: true), pings: [])
                return .subscribed(subscription)
            case .fail(let error):
                return close(.serverError(error.description), wasSubscribed: false, failure: error)
            }
        case .failed(let cause, let failure): return close(cause, wasSubscribed: false, failure: failure)
        case .handshakeOverdue: return close(.noAnswer, wasSubscribed: false)
        case .leave(let cause): return close(cause, wasSubscribed: false)
        case .tick, .fence:
            state = .joining(handshake)
            return nil
        case .inactive:
            state = .ended(wasSubscribed: false)
            return .refused(tls.closed)
        }
    }

    private mutating func listen(
        _ monitor: consuming LivenessMonitor, _ pings: consuming Deque<Ping>, _ input: Input
    ) -> Action? {
        var action: Action?
        switch input {
        case .heard:
            tls.heard()
            monitor.heard()
        case .reply(let reply) where reply.isPong:
            if pings.popFirst() == .fence { action = .fence(isPassed: true) }
        case .reply(.error(let text)):
            // Where the ACL does not permit PING, a fence is not to be had; that is no reason to leave.
            guard text.hasPrefix("NOPERM"), pings.first == .fence else {
                return close(.serverError(text), wasSubscribed: true)
            }
            pings.removeFirst()
            action = .fence(isPassed: false)
        case .reply, .handshakeOverdue:
            // More confirmations mean nothing new.
            break
        case .failed(let cause, _), .leave(let cause):
            return close(cause, wasSubscribed: true)
        case .tick:
            switch monitor.tick() {
            case .none: break
            case .giveUp: return close(.noAnswer, wasSubscribed: true)
            case .sendPing:
                pings.append(.liveness)
                action = .sendPing
            }
        case .fence:
            pings.append(.fence)
            action = .sendPing
        case .inactive:
            state = .ended(wasSubscribed: true)
            return .disconnected(.closedByServer)
        }
        state = .subscribed(monitor, pings: pings)
        return action
    }

    /// What ends a connection first is its cause; what follows from closing it is not another.
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
        case .heard, .reply, .handshakeOverdue, .tick, .fence:
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
        case .closedByServer, .serverError, .failover, .stopped: tls.closed
        }
    }
}

extension RESPValue {
    /// A subscriber's answer to PING.
    fileprivate var isPong: Bool { array?.first?.text == "pong" || text == "PONG" }
}

/// Finds a dead peer on a connection that may rightly be quiet: after an interval without a byte it asks for a PING,
/// after one more without an answer it gives the connection up. A busy connection is never pinged.
struct LivenessMonitor {
    enum Action: Equatable {
        case none
        case sendPing
        case giveUp
    }

    private var heardSinceTick: Bool
    private var pingIsOut = false

    /// - Parameter hasHeard: whether bytes arrived in the interval under way.
    init(hasHeard: Bool = false) {
        heardSinceTick = hasHeard
    }

    /// Bytes arrived.
    mutating func heard() {
        heardSinceTick = true
    }

    /// One interval is over.
    mutating func tick() -> Action {
        defer { heardSinceTick = false }
        if heardSinceTick {
            pingIsOut = false
            return .none
        }
        if pingIsOut { return .giveUp }
        pingIsOut = true
        return .sendPing
    }
}
