import NIOCore

/// The state machine of one connection: maps events to actions. No I/O; time is an argument.
///
/// Each transport has a number, its epoch. Events of a replaced transport have an older epoch and are ignored, so that
/// a late event of a closed socket cannot affect the new one.
struct ConnectionMachine {
    enum Purpose: Equatable {
        case connect
        /// - Parameter byOwner: the owner waits for the outcome and decides what to do after a failure.
        case reconnect(byOwner: Bool)
    }

    enum Phase: Equatable {
        case idle
        case negotiating
        /// Until the first frame for a connect, until the transport is open for a reconnect.
        case opening(Purpose)
        case starting
        case connected
        /// Without a transport until the owner calls.
        case waiting
        /// Without a transport until the next attempt.
        case retrying
        case ended
    }

    enum Input {
        case start
        case negotiated(disconnectTimeout: TimeAmount)
        case transportOpened(epoch: Int)
        /// A frame with `S:1`.
        case initialized(epoch: Int)
        case startAnswered(epoch: Int)
        /// `/negotiate` or `/start` failed, or the first frame is overdue.
        case failed(SignalRClientError, epoch: Int)
        case transportEnded(SignalRClientError, epoch: Int)
        /// A frame with `T:1`.
        case nodeAsksToReconnect(epoch: Int)
        case retryDue
        case drop
        case reconnect
        case stop
    }

    enum Action: Equatable {
        case negotiate
        case open(Purpose, epoch: Int)
        case callStart(epoch: Int)
        case closeTransport
        /// Tell the node that this connection has ended.
        case abort
        case report(SignalRClientState)
        /// The operation that the owner waits for succeeded.
        case succeed
        case fail(SignalRClientError)
        /// Send `retryDue` later; 0 is the first attempt.
        case retryLater(attempt: Int)
    }

    private static let dropped = "dropped by the owner"

    private(set) var phase: Phase = .idle
    /// Epoch of the transport requested last.
    private(set) var epoch = 0
    private let reconnectsByItself: Bool
    private var disconnectTimeout: TimeAmount = .seconds(30)
    private var lostAt: NIODeadline?
    private var attempts = 0

    init(reconnectsByItself: Bool) {
        self.reconnectsByItself = reconnectsByItself
    }

    mutating func handle(_ input: Input, now: NIODeadline) -> [Action] {
        switch (input, phase) {
        case (.start, .idle):
            phase = .negotiating
            return [.report(.connecting), .negotiate]
        case (.start, _):
            return [.fail(.misuse("start() is for a new client; create another one"))]

        case (.negotiated(let disconnectTimeout), .negotiating):
            self.disconnectTimeout = disconnectTimeout
            return open(.connect)
        case (.initialized(epoch), .opening(.connect)):
            phase = .starting
            return [.callStart(epoch: epoch)]
        case (.startAnswered(epoch), .starting), (.transportOpened(epoch), .opening(.reconnect)):
            phase = .connected
            lostAt = nil
            attempts = 0
            return [.report(.connected), .succeed]

        case (.failed(let error, epoch), .negotiating):
            return end(error, abort: false)
        case (.failed(let error, epoch), .opening(.connect)), (.failed(let error, epoch), .starting),
            (.transportEnded(let error, epoch), .opening(.connect)), (.transportEnded(let error, epoch), .starting):
            return end(error, abort: true)
        case (.failed(let error, epoch), .opening(.reconnect(let byOwner))),
            (.transportEnded(let error, epoch), .opening(.reconnect(let byOwner))):
            return byOwner ? wait(error) + [.fail(error)] : retry(error, now: now)
        case (.transportEnded(let error, epoch), .connected):
            return reconnectsByItself ? retry(error, now: now) : wait(error)

        case (.nodeAsksToReconnect(epoch), .connected) where reconnectsByItself:
            lostAt = now
            return [.report(.reconnecting(reason: "the node asked for it")), .closeTransport]
                + open(.reconnect(byOwner: false))
        case (.retryDue, .retrying):
            return open(.reconnect(byOwner: false))

        case (.drop, .connected), (.drop, .retrying):
            return close(then: .waiting) + [.report(.waiting(reason: Self.dropped))]
        case (.drop, .opening(.reconnect(let byOwner))):
            return close(then: .waiting) + [.report(.waiting(reason: Self.dropped))]
                + (byOwner ? [.fail(.misuse(Self.dropped))] : [])
        case (.reconnect, .connected), (.reconnect, .waiting), (.reconnect, .retrying):
            return [.closeTransport] + open(.reconnect(byOwner: true))
        case (.reconnect, _):
            return [.fail(.misuse("only a connected client can reconnect"))]

        case (.stop, .ended):
            return []
        case (.stop, let phase):
            return end(.stopped, abort: ![.idle, .negotiating].contains(phase))

        default:
            // From an older transport, or late: a frame after the end, a response after the stop.
            return []
        }
    }

    private mutating func open(_ purpose: Purpose) -> [Action] {
        epoch += 1
        phase = .opening(purpose)
        return [.open(purpose, epoch: epoch)]
    }

    private mutating func wait(_ error: SignalRClientError) -> [Action] {
        close(then: .waiting) + [.report(.waiting(reason: error.description))]
    }

    private mutating func retry(_ error: SignalRClientError, now: NIODeadline) -> [Action] {
        let lostAt = lostAt ?? now
        guard now < lostAt + disconnectTimeout else { return end(error, abort: false) }
        let report: [Action] = self.lostAt == nil ? [.report(.reconnecting(reason: error.description))] : []
        self.lostAt = lostAt
        defer { attempts += 1 }
        return close(then: .retrying) + report + [.retryLater(attempt: attempts)]
    }

    private mutating func end(_ error: SignalRClientError, abort: Bool) -> [Action] {
        close(then: .ended) + (abort ? [.abort] : [])
            + [.report(.disconnected(reason: error.description)), .fail(error)]
    }

    private mutating func close(then phase: Phase) -> [Action] {
        self.phase = phase
        // Later events of the old transport are ignored.
        epoch += 1
        return [.closeTransport]
    }
}
