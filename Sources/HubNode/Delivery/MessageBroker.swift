import Logging
import NIOCore
import Prometheus
import Backplane

/// Stands between the backplane and this node's clients: who listens to what, what waits for whom, and what the
/// commands of other nodes change in that.
///
/// Lives on the node's event loop, with the bus and the clients' sockets: no locks, and one order for all.
actor MessageBroker {
    let bus: RedisMessageBus
    let sealer: TokenSealer
    let limits: HubNodeLimits
    let timing: HubNodeTiming
    let metrics: HubMetrics
    let observer: (any HubNodeObserver)?
    let logger: Logger
    private let executor: any SerialExecutor

    var store: EnvelopeStore
    var index = SubscriberIndex()
    var sessions: OrdinalNameMap<Session> = [:]
    var acknowledgements = PendingAcknowledgements()
    var resumes = ResumeLedger()
    var resumeReport = ResumeReport()
    /// Whether the bus was asked for the counter and has not answered.
    var isCounterAsked = false
    var newestID: UInt64?
    var outletCount: UInt64 = 0
    /// Those that have been written to since the last flush: a webSocket gets what one read brought in one piece.
    private var unflushed: [Session] = []
    private(set) var isDraining = false
    /// Why nothing is heard at the moment; nil while all is well.
    private(set) var outage: String? = "not connected to Redis yet"

    nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

    init(
        bus: RedisMessageBus, configuration: HubNodeConfiguration, metrics: HubMetrics,
        observer: (any HubNodeObserver)?, executor: any SerialExecutor, logger: Logger
    ) {
        self.bus = bus
        sealer = TokenSealer(key: configuration.tokenKey)
        limits = configuration.limits
        timing = configuration.timing
        self.metrics = metrics
        self.observer = observer
        self.executor = executor
        self.logger = logger
        store = EnvelopeStore(maximumCount: limits.storedEnvelopes, maximumBytes: limits.storedBytes)
    }

    // MARK: - From the backplane

    func handle(_ event: BusEvent) {
        switch event {
        case .opened:
            outage = nil
            metrics.up.set(1)
            observer?.opened()
        case .counter(let counter, let wasAsked):
            if !wasAsked { resumes.opened(counter: counter) }
            settleResumes(counter: counter)
        case .closed(let reason):
            outage = reason
            metrics.up.set(0)
            observer?.closed(reason: reason)
        case .undecodable(let error):
            metrics.undecodable.increment()
            logger.warning("an envelope does not decode", metadata: ["cause": "\(error)"])
        case .oversized(let id, let bytes):
            metrics.oversizedEnvelopes.increment()
            logger.error(
                "an envelope is larger than this node takes and was dropped while it came in: its clients miss it",
                metadata: [
                    "id": "\(id.map { "\($0)" } ?? "unknown")", "bytes": "\(bytes)",
                    "limit": "\(limits.envelopeBytes)",
                ])
            if let id {
                newestID = id
                resumes.heard(id)
                // Whoever comes back from before it misses it, too.
                resumes.missed(through: id)
                observer?.missed(from: id, to: id)
            }
        case .missed(let from, let to):
            metrics.missedIDs.increment(by: Int(clamping: to - from + 1))
            logger.warning("envelopes were missed", metadata: ["from": "\(from)", "to": "\(to)"])
            resumes.missed(through: to)
            observer?.missed(from: from, to: to)
        case .counterReset(let from, let to):
            metrics.idResets.increment()
            logger.error("the counter was set back", metadata: ["from": "\(from)", "to": "\(to)"])
            store.removeAll()
            resumes.reset(to: to)
            for session in sessions.values { session.hasCurrentCursor = false }
            observer?.counterReset(from: from, to: to)
        case .envelope(let envelope):
            newestID = envelope.id
            let isFirst = resumes.heldAfter == nil
            resumes.heard(envelope.id)
            if isFirst { settleResumes(counter: nil) }
            for message in envelope.body.messages where message.isAck {
                acknowledgements.resolve(message.commandID, acknowledged: true)
            }
            let envelope = StoredEnvelope(envelope)
            store.append(envelope)
            deliver(envelope)
        case .readComplete:
            flush()
        }
    }

    private func deliver(_ envelope: StoredEnvelope) {
        let now = NIODeadline.now()
        for message in envelope.messages {
            // Those who are up to date all get the same bytes.
            var shared: EncodedFrame?
            var sharedCount = 0
            var someWait = false
            for session in index.subscribers(of: message.key.folded) {
                if let command = message.command {
                    if session.obeys(message.key) { execute(command, for: session, id: envelope.id) }
                    someWait = true
                } else if session.hasGroupsUnderOneKey, session.deliveries(of: message.key) > 1 {
                    for _ in 0..<session.deliveries(of: message.key) where sessions[session.connectionID] === session {
                        enqueue(message, id: envelope.id, for: session)
                    }
                    someWait = true
                } else if envelope.messages.count == 1, session.isInitialized, session.outbox.isIdle,
                    session.outlet?.isReady == true, !session.isExcluded(by: message.excluded)
                {
                    let frame = shared ?? Frame(cursor: envelope.id, messages: [message.value]).encoded()
                    shared = frame
                    session.outbox.sentDirectly(id: envelope.id)
                    write(frame, to: session, at: now)
                    sharedCount += 1
                } else {
                    enqueue(message, id: envelope.id, for: session)
                    someWait = true
                }
            }
            if sharedCount > 0 { metrics.delivered.increment(by: sharedCount) }
            guard someWait else { continue }
            for session in index.subscribers(of: message.key.folded) where !session.outbox.isIdle { pump(session) }
        }
    }

    private func enqueue(_ message: StoredEnvelope.Message, id: UInt64, for session: Session) {
        append(message, id: id, to: session)
        if session.outbox.count > limits.outboundMessages + session.resumedMessages
            || session.outbox.byteCount > limits.outboundBytes + session.resumedBytes
        {
            metrics.slowClients.increment()
            logger.warning(
                "a client is too slow and is disconnected",
                metadata: ["connection": "\(session.connectionID)", "waiting": "\(session.outbox.count)"])
            remove(session)
        }
    }

    func append(_ message: StoredEnvelope.Message, id: UInt64, to session: Session) {
        session.outbox.append(id: id, value: session.isExcluded(by: message.excluded) ? nil : message.value)
    }

    func pump(_ session: Session) {
        guard session.isInitialized || session.outbox.reconnect else { return }
        while !session.outbox.isIdle, session.outlet?.isReady == true {
            let frame = session.outbox.nextFrame(messages: session.transport.messagesPerFrame) {
                sealer.groupsToken(connectionID: session.connectionID, groups: session.groupNames)
            }
            send(frame.encoded(), messages: frame.messages.count, to: session)
        }
    }

    private func send(_ frame: EncodedFrame, messages: Int, to session: Session) {
        give(.frame(frame), to: session)
        session.hasCurrentCursor = true
        session.lastActive = .now()
        metrics.delivered.increment(by: messages)
    }

    /// As ``send(_:messages:to:)``, but a webSocket waits for the end of the read with it, unless much waits already.
    private func write(_ frame: EncodedFrame, to session: Session, at now: NIODeadline) {
        session.hasCurrentCursor = true
        session.lastActive = now
        // As in ``give(_:to:)``.
        let line = session.outlet?.line
        guard case .webSocket(let line) = line else { return give(.frame(frame), to: session) }
        line.write(frame)
        if !line.isWritable {
            // It is full because nothing was flushed, not because the client is slow.
            line.flush()
        } else if !session.isUnflushed {
            session.isUnflushed = true
            unflushed.append(session)
        }
    }

    private func flush() {
        let sessions = unflushed
        unflushed.removeAll(keepingCapacity: true)
        for session in sessions {
            session.isUnflushed = false
            // No access to the session is held meanwhile, see ``give(_:to:)``.
            let line = session.outlet?.line
            if case .webSocket(let line) = line { line.flush() }
        }
    }

    func give(_ delivery: Outlet.Delivery, to session: Session) {
        // No access to the session is held while a socket is written or closed: a socket that fails calls
        // ``closed(connectionID:outlet:)`` before it returns.
        let line = session.outlet?.line
        if case .end = delivery {
            session.outlet = nil
        } else if case .pull = line {
            session.outlet?.line = .pull(waiting: nil)
        }
        switch line {
        case .webSocket(let line): line.send(delivery)
        case .pull(let waiting): waiting?.resume(returning: delivery)
        case nil: break
        }
    }

    // MARK: - Calls

    /// Runs a call that came over HTTP.
    func answer(_ call: HubRequest, of request: SessionRequest, by dispatcher: HubDispatcher) async -> [UInt8]? {
        await dispatcher.answer(to: call, connectionID: request.connectionID, user: request.user, broker: self)
    }

    /// Runs a call that came over a webSocket. Calls start in the order in which they came; none waits for the end of
    /// another.
    func answer(
        _ call: HubRequest, of request: SessionRequest, by dispatcher: HubDispatcher,
        then reply: @escaping @Sendable ([UInt8]?) -> Void
    ) {
        // The task starts on this actor, that is on the event loop, behind those before it.
        Task {
            reply(await answer(call, of: request, by: dispatcher))
        }
    }

    // MARK: - Time

    /// Looks after connections that are silent or gone; to be called every second or so.
    func tick() {
        let now = NIODeadline.now()
        acknowledgements.expire(at: now)
        if let line = resumeReport.tick() { log(line) }
        for session in sessions.values {
            guard let outlet = session.outlet else {
                if now - session.lastActive >= TimeAmount(timing.disconnect) { remove(session) }
                continue
            }
            if outlet.transport == .longPolling, outlet.isReady, now - outlet.openedAt >= TimeAmount(timing.longPoll) {
                send(Frame(cursor: session.outbox.cursor).encoded(), messages: 0, to: session)
            } else if outlet.isReady, now - session.lastActive >= TimeAmount(timing.keepAlive) {
                give(.keepAlive, to: session)
                session.lastActive = now
            }
        }
        metrics.storedEnvelopes.set(Double(store.count))
        metrics.storedBytes.set(Double(store.byteCount))
    }

    /// Asks every client to reconnect, which leads it to another node.
    func drain() {
        isDraining = true
        for session in sessions.values {
            askToReconnect(session)
            pump(session)
        }
    }

    /// Once: one that polls on here all the same would otherwise get nothing else.
    func askToReconnect(_ session: Session) {
        if !session.isAskedToReconnect { session.outbox.reconnect = true }
        session.isAskedToReconnect = true
    }

    /// Whether a client still has a transport here, or has not been told yet: one that polls is told at its next poll.
    var hasClientsToDrain: Bool {
        sessions.values.contains { $0.outlet != nil || $0.outbox.reconnect }
    }

    /// Ends all that waits.
    func shutDown() {
        for session in sessions.values { remove(session) }
        acknowledgements.giveUpAll()
        if let line = resumeReport.take() { log(line) }
    }
}
