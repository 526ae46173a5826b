import NIOCore

/// The state machine of one client of ASP.NET Core SignalR: maps events to actions. No I/O; time is an argument.
///
/// Each connection attempt has a number, its epoch; events of an older epoch are ignored.
struct CoreConnectionMachine {
    /// Why a connection is being made.
    enum Effort: Equatable {
        case first
        /// Automatic, after the previous connection was lost; 0 is the first attempt.
        case again(attempt: Int)
        /// Requested by the owner, who waits for the outcome and handles a failure.
        case byOwner
    }

    /// A connection that has lost its webSocket and is being resumed.
    struct Resuming: Equatable {
        let lostAt: NIODeadline
        let attempt: Int
        let byOwner: Bool
        /// Error for the owner and for pending calls if the connection cannot be resumed.
        let error: SignalRClientError
    }

    enum Phase: Equatable {
        case idle
        case negotiating(Effort)
        case opening(Effort)
        case handshaking(Effort)
        case connected
        /// The connection's next webSocket is being opened, or is due.
        case resuming(Resuming)
        /// Waits before making a new connection.
        case delaying(attempt: Int)
        /// Waits for the owner to reconnect.
        ///
        /// - Parameter lostAt: when the webSocket was lost, for a connection that can still be resumed.
        case waiting(lostAt: NIODeadline?)
        case ended
    }

    enum Input {
        case start
        case negotiated(epoch: Int)
        case opened(epoch: Int)
        /// - Parameter canResume: whether the node keeps the connection when its webSocket is lost.
        case shakenHands(canResume: Bool, epoch: Int)
        /// Negotiation or handshake failed, or took too long.
        case failed(SignalRClientError, epoch: Int)
        case transportEnded(SignalRClientError, epoch: Int)
        /// The node ended the connection, or sent something that cannot be parsed.
        case closed(SignalRClientError, allowReconnect: Bool, epoch: Int)
        case due(epoch: Int)
        case drop
        case reconnect
        /// Like `reconnect`, but never resumes.
        case replace
        case stop
    }

    enum Action: Equatable {
        case negotiate(epoch: Int)
        case open(resuming: Bool, epoch: Int)
        case shakeHands(epoch: Int)
        /// Send the number of the first repeated message, then the repeated messages.
        case resend(epoch: Int)
        /// Send a close message to the node before the transport is closed.
        ///
        /// - Parameter connected: whether the handshake is complete, so that the node accepts messages.
        case sayGoodbye(connected: Bool)
        case closeTransport
        /// The connection is gone: its calls and streams fail.
        case forget(SignalRClientError)
        case report(SignalRClientState)
        /// The operation that the owner waits for succeeded.
        case succeed
        case fail(SignalRClientError)
        /// Send `due` after this long.
        case wait(TimeAmount, epoch: Int)
    }

    private static let dropped = "dropped by the owner"
    /// Delay between two attempts to resume, doubled each time up to the longest.
    private static let firstResumeDelay: TimeAmount = .milliseconds(100)
    private static let longestResumeDelay: TimeAmount = .seconds(2)

    private(set) var phase: Phase = .idle
    private(set) var epoch = 0
    private let retryDelays: [TimeAmount]
    private let resumeWithin: TimeAmount
    private var canResume = false

    /// - Parameters:
    ///   - retryDelays: the delay before each attempt to make a new connection; if empty, the owner decides.
    ///   - resumeWithin: how long the node keeps a connection without a webSocket.
    init(retryDelays: [TimeAmount], resumeWithin: TimeAmount = .seconds(15)) {
        self.retryDelays = retryDelays
        self.resumeWithin = resumeWithin
    }

    /// Whether messages can be sent, or kept until the connection's next webSocket is open.
    var takesMessages: Bool {
        switch phase {
        case .connected, .resuming, .waiting(lostAt: .some): true
        default: false
        }
    }

    mutating func handle(_ input: Input, now: NIODeadline) -> [Action] {
        switch (input, phase) {
        case (.start, .idle): return [.report(.connecting)] + negotiate(.first)
        case (.start, _): return [.fail(.misuse("start() is for a new client; create another one"))]

        case (.negotiated(epoch), .negotiating(let effort)):
            phase = .opening(effort)
            return [.open(resuming: false, epoch: epoch)]
        case (.opened(epoch), .opening(let effort)):
            phase = .handshaking(effort)
            return [.shakeHands(epoch: epoch)]
        case (.shakenHands(let canResume, epoch), .handshaking):
            self.canResume = canResume
            phase = .connected
            return [.report(.connected), .succeed]
        case (.opened(epoch), .resuming):
            phase = .connected
            return [.resend(epoch: epoch), .report(.connected), .succeed]

        case (.failed(let error, epoch), .negotiating(let effort)),
            (.failed(let error, epoch), .opening(let effort)), (.failed(let error, epoch), .handshaking(let effort)),
            (.transportEnded(let error, epoch), .opening(let effort)),
            (.transportEnded(let error, epoch), .handshaking(let effort)):
            return fail(effort, error)
        case (.closed(let error, let allowReconnect, epoch), .handshaking(let effort)):
            return allowReconnect || effort == .byOwner ? fail(effort, error) : end(error)

        case (.transportEnded(let error, epoch), .connected):
            guard canResume else { return lose(error) }
            return [.report(.reconnecting(reason: error.description))]
                + resume(Resuming(lostAt: now, attempt: 0, byOwner: false, error: error))
        case (.closed(let error, let allowReconnect, epoch), .connected):
            return allowReconnect ? lose(error) : end(error)
        case (.transportEnded(let error, epoch), .resuming(let resuming)),
            (.failed(let error, epoch), .resuming(let resuming)):
            return resumeLater(resuming, error, now: now)
        case (.due(epoch), .resuming(let resuming)):
            return resume(resuming)
        case (.due(epoch), .delaying(let attempt)):
            return negotiate(.again(attempt: attempt))

        case (.drop, .connected):
            return drop(lostAt: canResume ? now : nil)
        case (.drop, .resuming(let resuming)):
            return drop(lostAt: resuming.lostAt)
                + (resuming.byOwner ? [.fail(.misuse(Self.dropped))] : [])
        case (.drop, .delaying), (.drop, .negotiating(.again)), (.drop, .opening(.again)),
            (.drop, .handshaking(.again)):
            return drop(lostAt: nil)
        case (.drop, .negotiating(.byOwner)), (.drop, .opening(.byOwner)), (.drop, .handshaking(.byOwner)):
            return drop(lostAt: nil) + [.fail(.misuse(Self.dropped))]

        case (.reconnect, .connected):
            let error = SignalRClientError.misuse("the owner reconnects")
            guard canResume else { return [.closeTransport, .forget(error)] + negotiate(.byOwner) }
            return resume(Resuming(lostAt: now, attempt: 0, byOwner: true, error: error))
        case (.reconnect, .waiting(let lostAt)):
            let error = SignalRClientError.misuse(Self.dropped)
            guard let lostAt else { return negotiate(.byOwner) }
            guard now < lostAt + resumeWithin else { return [.forget(error)] + negotiate(.byOwner) }
            return resume(Resuming(lostAt: lostAt, attempt: 0, byOwner: true, error: error))
        case (.reconnect, .resuming(let resuming)):
            return resume(
                Resuming(lostAt: resuming.lostAt, attempt: 0, byOwner: true, error: resuming.error))
        case (.reconnect, .delaying):
            return negotiate(.byOwner)
        case (.replace, .connected):
            return [.sayGoodbye(connected: true)] + replace()
        case (.replace, .waiting), (.replace, .resuming), (.replace, .delaying):
            return replace()
        case (.reconnect, _), (.replace, _):
            return [.fail(.misuse("only a connected client can reconnect"))]

        case (.stop, .ended): return []
        case (.stop, let phase):
            switch phase {
            case .connected: return [.sayGoodbye(connected: true)] + end(.stopped)
            case .opening, .handshaking: return [.sayGoodbye(connected: false)] + end(.stopped)
            default: return end(.stopped)
            }

        default:
            // From an older transport, or too late.
            return []
        }
    }

    private mutating func negotiate(_ effort: Effort) -> [Action] {
        epoch += 1
        phase = .negotiating(effort)
        return [.negotiate(epoch: epoch)]
    }

    private mutating func replace() -> [Action] {
        canResume = false
        return [.closeTransport, .forget(.misuse("the owner replaces the connection"))] + negotiate(.byOwner)
    }

    private mutating func resume(_ resuming: Resuming) -> [Action] {
        epoch += 1
        phase = .resuming(resuming)
        return [.closeTransport, .open(resuming: true, epoch: epoch)]
    }

    private mutating func resumeLater(
        _ resuming: Resuming, _ error: SignalRClientError, now: NIODeadline
    ) -> [Action] {
        let delay = min(
            Self.firstResumeDelay.nanoseconds << min(resuming.attempt, 8), Self.longestResumeDelay.nanoseconds)
        guard !error.isFinalForResuming, now + .nanoseconds(delay) < resuming.lostAt + resumeWithin else {
            return resuming.byOwner
                ? [.closeTransport, .forget(resuming.error)] + negotiate(.byOwner) : lose(resuming.error)
        }
        epoch += 1
        phase = .resuming(
            Resuming(
                lostAt: resuming.lostAt, attempt: resuming.attempt + 1, byOwner: resuming.byOwner,
                error: resuming.error))
        return [.closeTransport, .wait(.nanoseconds(delay), epoch: epoch)]
    }

    private mutating func fail(_ effort: Effort, _ error: SignalRClientError) -> [Action] {
        switch effort {
        case .first: return end(error)
        case .byOwner:
            epoch += 1
            phase = .waiting(lostAt: nil)
            return [.closeTransport, .report(.waiting(reason: error.description)), .fail(error)]
        case .again(let attempt): return delay(attempt + 1, error)
        }
    }

    /// The connection is lost and cannot be resumed.
    private mutating func lose(_ error: SignalRClientError) -> [Action] {
        canResume = false
        guard !retryDelays.isEmpty else {
            epoch += 1
            phase = .waiting(lostAt: nil)
            return [.closeTransport, .forget(error), .report(.waiting(reason: error.description))]
        }
        return [.closeTransport, .forget(error), .report(.reconnecting(reason: error.description))] + delay(0, error)
    }

    private mutating func delay(_ attempt: Int, _ error: SignalRClientError) -> [Action] {
        guard retryDelays.indices.contains(attempt) else { return end(error) }
        epoch += 1
        phase = .delaying(attempt: attempt)
        return [.closeTransport, .wait(retryDelays[attempt], epoch: epoch)]
    }

    private mutating func drop(lostAt: NIODeadline?) -> [Action] {
        epoch += 1
        phase = .waiting(lostAt: lostAt)
        return [.closeTransport] + (lostAt == nil ? [.forget(.misuse(Self.dropped))] : [])
            + [.report(.waiting(reason: Self.dropped))]
    }

    private mutating func end(_ error: SignalRClientError) -> [Action] {
        epoch += 1
        phase = .ended
        return [
            .closeTransport, .forget(error), .report(.disconnected(reason: error.description)), .fail(error),
        ]
    }
}

extension SignalRClientError {
    /// Whether this error means that the node no longer has the connection. The errors of a proxy that cannot reach a
    /// node, and of a node that still holds the previous webSocket, do not.
    fileprivate var isFinalForResuming: Bool {
        switch self {
        case .refused(_, _, let status, _): ![409, 429, 502, 503, 504].contains(status)
        default: false
        }
    }
}
