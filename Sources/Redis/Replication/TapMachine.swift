/// The state machine of one connection of a ``ReplicationTap``: maps events to actions. No I/O, no clock.
struct TapMachine {
    /// What the connection is for.
    struct Request {
        /// Where to continue, if anywhere.
        var resumeAt: ReplicationPosition?
        /// Position up to which the sink has received everything.
        var delivered: ReplicationPosition?
        var limits = TapLimits()
        /// How long ago the last full sync began.
        var sinceFullSync: Duration?
        /// False if opening the backlog was tried in vain.
        var mayOpenBacklog = true
        /// Whether the address names several servers.
        var hasChoice = false
        /// Whether to look for a server that continues the stream at ``resumeAt`` first.
        var mayWait = false
        /// ``resumeAt`` is from a full sync whose data was not read.
        var followsFullSync = false
    }

    /// How a connection has ended, if not by a failure.
    enum End: Equatable {
        case detached(DisconnectCause)
        /// The backlog exists now: the next connection follows at once.
        case backlogOpened
        /// The next connection follows at once, after a full sync whose data was not read.
        case transferLeft
    }

    private enum State {
        case greeting(TapHandshake)
        case requested(TapHandshake, TapWay)
        case transferring(TapHandshake, ReplicationPosition)
        case attached
        /// The socket is being closed. The first reason counts.
        case leaving(Result<End, TapFailure>)
        case ended
    }

    enum Input {
        /// Bytes arrived.
        case heard
        case reply(RESPValue)
        case event(ReplicationStream.Event)
        /// The socket, TLS or the protocol failed.
        ///
        /// - Parameter failure: the error to report before the attachment; nil for the one that matches the cause.
        case failed(DisconnectCause, failure: RedisError?)
        case handshakeOverdue
        /// Deliberate end.
        case leave(DisconnectCause)
        /// The socket is closed.
        case inactive
    }

    enum Action: Equatable {
        /// Ask for the stream after this position; nil for a full sync.
        case request(ReplicationPosition?)
        /// A full sync has begun; its data ends at this position.
        case syncing(TapFacts, ReplicationPosition)
        case attached(TapAttachment)
        /// The server may be stopping.
        case suspectStop
        case close
        case ended(End)
        case failed(TapFailure)
    }

    /// State of the connection's TLS, for error texts.
    var tls: TLSWatch
    private let request: Request
    private let handshakeSeconds: Int
    private var state: State
    /// Whether envelopes count: it was attached, even if the connection is closing now.
    private(set) var wasAttached = false

    /// - Parameter handshakeSeconds: the limit of the handshake, for the error.
    init(handshake: TapHandshake, request: Request, tls: TLSWatch, handshakeSeconds: Int) {
        self.request = request
        self.tls = tls
        self.handshakeSeconds = handshakeSeconds
        state = .greeting(handshake)
    }

    /// Whether the stream has its final position.
    var isAttached: Bool { if case .attached = state { true } else { false } }

    /// Whether more bytes matter.
    var isReading: Bool {
        switch state {
        case .greeting, .requested, .transferring, .attached: true
        case .leaving, .ended: wasAttached
        }
    }

    /// - Returns: what to do, in order.
    mutating func handle(_ input: Input) -> [Action] {
        if case .heard = input {
            tls.heard()
            return []
        }
        switch (state, input) {
        case (.ended, _), (_, .heard): return []
        case (.leaving(let reason), .inactive): return end(reason)
        case (.leaving, .failed), (.leaving, .leave): return [.close]
        case (.leaving, _): return []
        case (.greeting(var handshake), .reply(let reply)):
            let action = handshake.received(reply)
            state = .greeting(handshake)
            switch action {
            case .wait: return []
            case .fail(let failure): return leave(.failure(failure))
            case .ready: return plan(handshake)
            }
        case (.requested(let handshake, let way), .event(let event)): return answered(event, handshake, way)
        case (.transferring(let handshake, let position), .event(.transferred)):
            return attach(.synced, at: position, handshake.facts)
        case (.transferring(let handshake, _), .event(.refused(let reply))):
            return leave(.failure(handshake.refusal(ofSync: reply)))
        case (.attached, .event(.acknowledgementWanted)): return [.suspectStop]
        case (.attached, .failed(let cause, _)), (.attached, .leave(let cause)):
            return leave(.success(.detached(cause)))
        case (.attached, .inactive): return end(.success(.detached(.closedByServer)))
        case (_, .reply), (_, .event): return []
        case (.attached, .handshakeOverdue), (.transferring, .handshakeOverdue), (.requested, .handshakeOverdue):
            return []
        case (.greeting, .handshakeOverdue):
            return leave(.failure(.redis(tls.noAnswer(seconds: handshakeSeconds))))
        case (_, .failed(let cause, let failure)): return leave(.failure(.redis(failure ?? error(for: cause))))
        case (_, .leave(let cause)): return leave(.failure(.redis(error(for: cause))))
        case (_, .inactive): return end(.failure(.redis(tls.closed)))
        }
    }

    private mutating func plan(_ handshake: TapHandshake) -> [Action] {
        let facts = handshake.facts
        let plan = TapPlan(
            facts: facts, last: request.resumeAt, limits: request.limits, sinceFullSync: request.sinceFullSync,
            mayOpenBacklog: request.mayOpenBacklog, hasChoice: request.hasChoice, mayWait: request.mayWait)
        switch plan.verdict {
        case .allowed: break
        case .needsConsent(let bytes):
            let limit = request.limits.fullSyncBytes
            return leave(.failure(.tap(.consentNeeded(endpoint: facts.endpoint, bytes: bytes, limit: limit))))
        case .refused(let reasons): return leave(.failure(.tap(.refused(endpoint: facts.endpoint, reasons))))
        case .tooSoon(let left): return leave(.failure(tooSoon(left, facts)))
        case .passedOver(let detour):
            return leave(.failure(.redis(.passedOver(endpoint: facts.endpoint, reason: detour.description))))
        }
        state = .requested(handshake, plan.way)
        switch plan.way {
        case .resume(let position), .join(let position): return [.request(position)]
        case .openBacklog, .fullSync: return [.request(nil)]
        }
    }

    private mutating func answered(
        _ event: ReplicationStream.Event, _ handshake: TapHandshake, _ way: TapWay
    ) -> [Action] {
        let facts = handshake.facts
        switch event {
        case .waiting: return way == .openBacklog ? leave(.success(.backlogOpened)) : []
        case .refused(let reply): return leave(.failure(handshake.refusal(ofSync: reply)))
        case .continued(let history):
            switch way {
            case .resume(let position):
                let now = ReplicationPosition(history: history ?? position.history, offset: position.offset)
                return attach(request.followsFullSync ? .synced : .continued, at: now, facts)
            case .join(let position):
                return attach(
                    .joined,
                    at: ReplicationPosition(history: history ?? position.history, offset: position.offset), facts)
            case .openBacklog, .fullSync:
                return leave(.failure(.tap(.unexpected(endpoint: facts.endpoint, "+CONTINUE without a position"))))
            }
        case .fullSync(let position):
            // The backlog moved on since the question, so the server has forked; another fork must wait.
            if way != .fullSync, let since = request.sinceFullSync, since < request.limits.fullSyncInterval {
                return leave(.failure(tooSoon(request.limits.fullSyncInterval - since, facts)))
            }
            // Disconnecting ends the fork at once. The next connection continues after the sync's offset.
            let isWanted = way == .fullSync || request.limits.allowsFork(of: facts.memoryBytes)
            guard facts.omitsData, isWanted else {
                return [.syncing(facts, position)] + leave(.success(.transferLeft))
            }
            state = .transferring(handshake, position)
            return [.syncing(facts, position)]
        case .transferred, .acknowledgementWanted: return []
        }
    }

    private mutating func attach(
        _ start: TapAttachment.Start, at position: ReplicationPosition, _ facts: TapFacts
    ) -> [Action] {
        state = .attached
        wasAttached = true
        let loss = facts.loss(since: request.delivered, at: position)
        return [.attached(TapAttachment(start: start, position: position, loss: loss, facts: facts))]
    }

    private mutating func leave(_ reason: Result<End, TapFailure>) -> [Action] {
        state = .leaving(reason)
        return [.close]
    }

    private mutating func end(_ reason: Result<End, TapFailure>) -> [Action] {
        state = .ended
        return switch reason {
        case .success(let end): [.ended(end)]
        case .failure(let failure): [.failed(failure)]
        }
    }

    private func tooSoon(_ left: Duration, _ facts: TapFacts) -> TapFailure {
        .tap(.tooSoon(endpoint: facts.endpoint, secondsLeft: max(1, Int(left.components.seconds))))
    }

    /// Why there is no attachment.
    private func error(for cause: DisconnectCause) -> RedisError {
        switch cause {
        case .protocolError(let text): .notRedis(endpoint: tls.endpoint, reason: text)
        case .ioError(let text): .cannotConnect(endpoint: tls.endpoint, failure: .other(text))
        case .noAnswer: tls.noAnswer(seconds: handshakeSeconds)
        case .closedByServer, .serverError, .failover, .serverStopping, .stopped: tls.closed
        }
    }
}
