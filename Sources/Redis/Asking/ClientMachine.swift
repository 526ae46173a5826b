import DequeModule
import NIOCore

/// The state machine of one command connection: matches replies to commands by order, and decides when to give up. No
/// I/O; time is an argument.
///
/// - Parameter Caller: the recipient of replies; stored, never called.
struct ClientMachine<Caller>: ~Copyable {
    /// Commands of one caller that are not all answered.
    struct Pending {
        var missing: Int
        let sentAt: NIODeadline
        let caller: Caller
    }

    private enum State: ~Copyable {
        case open(Deque<Pending>)
        /// The socket is being closed for this reason.
        case closing(Deque<Pending>, RedisError)
        case closed(RedisError)
    }

    enum Input {
        /// Commands to be sent, at least one.
        case send(count: Int, caller: Caller, at: NIODeadline)
        /// Bytes arrived.
        case heard
        case reply(RESPValue)
        /// The socket, TLS or the protocol failed, or the connection is closed deliberately.
        case failed(RedisError)
        /// The time requested by ``Action/watch(in:)`` is over.
        case answersDue(NIODeadline)
        /// The socket is closed.
        case inactive
    }

    enum Action {
        /// Write the commands to the socket.
        case write
        case answer(Caller, RESPValue)
        /// A message after SUBSCRIBE.
        case message(RESPValue)
        /// Send `answersDue` after this time.
        case watch(in: TimeAmount)
        case close
        /// The unanswered commands have failed.
        case fail([Pending], RedisError)
    }

    /// State of the connection's TLS, for error texts.
    var tls: TLSWatch
    private let answerTimeout: TimeAmount
    private let takesMessages: Bool
    private var state = State.open([])

    /// - Parameters:
    ///   - answerTimeout: the longest wait for a reply, from the oldest unanswered command.
    ///   - takesMessages: whether the connection may subscribe.
    init(tls: TLSWatch, answerTimeout: TimeAmount, takesMessages: Bool = false) {
        self.tls = tls
        self.answerTimeout = answerTimeout
        self.takesMessages = takesMessages
    }

    /// - Returns: what to do; nil for nothing.
    mutating func handle(_ input: Input) -> Action? {
        // Moved out, so that the queue is changed in place; every path below restores a state.
        var current = State.open([])
        swap(&state, &current)
        return switch consume current {
        case .open(let pending): serve(pending, input)
        case .closing(let pending, let error): drain(pending, error, input)
        case .closed(let error): refuse(error, input)
        }
    }

    // MARK: - Each state

    private mutating func serve(_ pending: consuming Deque<Pending>, _ input: Input) -> Action? {
        var action: Action?
        switch input {
        case .send(let count, let caller, let now):
            pending.append(Pending(missing: count, sentAt: now, caller: caller))
            action = .write
        case .heard: tls.heard()
        case .reply(let reply):
            if takesMessages, reply.array?.first?.text == "message" {
                action = .message(reply)
            } else if let caller = Self.takeAnswer(from: &pending) {
                action = .answer(caller, reply)
            } else {
                state = .closing(pending, unasked(reply))
                return .close
            }
        case .failed(let error):
            state = .closing(pending, error)
            return .close
        case .answersDue(let now):
            guard let oldest = pending.first else { break }
            let waited = now - oldest.sentAt
            guard waited < answerTimeout else {
                state = .closing(pending, tls.noAnswer(seconds: Int(answerTimeout.nanoseconds / 1_000_000_000)))
                return .close
            }
            action = .watch(in: answerTimeout - waited)
        case .inactive: return end(pending, tls.closed)
        }
        state = .open(pending)
        return action
    }

    /// The first cause of the end is the reason. Replies that are still read count.
    private mutating func drain(
        _ pending: consuming Deque<Pending>, _ error: RedisError, _ input: Input
    ) -> Action? {
        var action: Action?
        switch input {
        case .send(let count, let caller, let now):
            pending.append(Pending(missing: count, sentAt: now, caller: caller))
        case .heard: tls.heard()
        case .reply(let reply):
            if let caller = Self.takeAnswer(from: &pending) { action = .answer(caller, reply) }
        case .failed: action = .close
        case .answersDue: break
        case .inactive: return end(pending, error)
        }
        state = .closing(pending, error)
        return action
    }

    /// Later callers get the same error.
    private mutating func refuse(_ error: RedisError, _ input: Input) -> Action? {
        state = .closed(error)
        guard case .send(let count, let caller, let now) = input else { return nil }
        return .fail([Pending(missing: count, sentAt: now, caller: caller)], error)
    }

    private mutating func end(_ pending: consuming Deque<Pending>, _ error: RedisError) -> Action? {
        state = .closed(error)
        return .fail(Array(pending), error)
    }

    private static func takeAnswer(from pending: inout Deque<Pending>) -> Caller? {
        guard let first = pending.first else { return nil }
        if first.missing == 1 { pending.removeFirst() } else { pending[0].missing -= 1 }
        return first.caller
    }

    private func unasked(_ reply: RESPValue) -> RedisError {
        // A full or protected server sends an error without being asked, and closes.
        if case .error(let text) = reply {
            return .from(reply: text, command: "the connection", endpoint: tls.endpoint)
        }
        return .notRedis(endpoint: tls.endpoint, reason: "an unexpected reply")
    }
}

extension ClientMachine.Input: Sendable where Caller: Sendable {}
