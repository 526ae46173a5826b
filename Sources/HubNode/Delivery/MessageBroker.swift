import Logging
import NIOCore
import Prometheus
import SignalRBackplane

/// Stands between the backplane and this node's clients: who listens to what, what waits for whom, and what the
/// commands of other nodes change in that.
///
/// Lives on the node's event loop, with the bus and the clients' sockets: no locks, and one order for all.
actor MessageBroker {
    private let bus: RedisMessageBus
    private let sealer: TokenSealer
    private let limits: HubNodeLimits
    private let timing: HubNodeTiming
    let metrics: HubMetrics
    private let observer: (any HubNodeObserver)?
    private let logger: Logger
    private let executor: any SerialExecutor

    private var store: EnvelopeStore
    private var index = SubscriberIndex()
    private var sessions: [String: Session] = [:]
    private var acknowledgements = PendingAcknowledgements()
    private var newestID: UInt64?
    private var outletCount: UInt64 = 0
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
        case .closed(let reason):
            outage = reason
            metrics.up.set(0)
            observer?.closed(reason: reason)
        case .undecodable(let error):
            metrics.undecodable.increment()
            logger.warning("an envelope does not decode", metadata: ["cause": "\(error)"])
        case .missed(let from, let to):
            metrics.missedIDs.increment(by: Int(clamping: to - from + 1))
            logger.warning("envelopes were missed", metadata: ["from": "\(from)", "to": "\(to)"])
            observer?.missed(from: from, to: to)
        case .counterReset(let from, let to):
            metrics.idResets.increment()
            logger.error("the counter was set back", metadata: ["from": "\(from)", "to": "\(to)"])
            store.removeAll()
            for session in sessions.values { session.hasCurrentCursor = false }
            observer?.counterReset(from: from, to: to)
        case .envelope(let envelope):
            newestID = envelope.id
            for message in envelope.body.messages where message.isAck {
                acknowledgements.resolve(message.commandID, acknowledged: true)
            }
            let envelope = StoredEnvelope(envelope)
            store.append(envelope)
            deliver(envelope)
        }
    }

    private func deliver(_ envelope: StoredEnvelope) {
        for message in envelope.messages {
            // Those who are up to date all get the same bytes.
            var shared: ByteBuffer?
            var someWait = false
            for session in index.subscribers(of: message.key) {
                if let command = message.command {
                    execute(command, for: session, id: envelope.id)
                    someWait = true
                } else if envelope.messages.count == 1, session.isInitialized, session.outbox.isIdle,
                    session.outlet?.isReady == true, !session.isExcluded(by: message.excluded)
                {
                    let frame = shared ?? Frame(cursor: envelope.id, messages: [message.value]).encoded()
                    shared = frame
                    session.outbox.sentDirectly(id: envelope.id)
                    send(frame, messages: 1, to: session)
                } else {
                    enqueue(message, id: envelope.id, for: session)
                    someWait = true
                }
            }
            guard someWait else { continue }
            for session in index.subscribers(of: message.key) where !session.outbox.isIdle { pump(session) }
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

    private func append(_ message: StoredEnvelope.Message, id: UInt64, to session: Session) {
        session.outbox.append(id: id, value: session.isExcluded(by: message.excluded) ? nil : message.value)
    }

    private func pump(_ session: Session) {
        guard session.isInitialized || session.outbox.reconnect else { return }
        while !session.outbox.isIdle, session.outlet?.isReady == true {
            let frame = session.outbox.nextFrame(messages: session.transport.messagesPerFrame) {
                sealer.groupsToken(connectionID: session.connectionID, groups: session.groupNames)
            }
            send(frame.encoded(), messages: frame.messages.count, to: session)
        }
    }

    private func send(_ frame: ByteBuffer, messages: Int, to session: Session) {
        give(.frame(frame), to: session)
        session.hasCurrentCursor = true
        session.lastActive = .now()
        metrics.delivered.increment(by: messages)
    }

    private func give(_ delivery: Outlet.Delivery, to session: Session) {
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

    // MARK: - Commands of other nodes, or of this one, to the owner of a connection

    private func execute(_ command: Command, for session: Session, id: UInt64) {
        session.outbox.append(id: id, value: nil)
        switch command.type {
        case .initializing:
            session.isInitialized = true
            session.outbox.initialized = true
            if let since = session.initializingSince {
                metrics.initializingSeconds.observe((NIODeadline.now() - since).seconds)
                session.initializingSince = nil
            }
        case .addToGroup:
            if let group = GroupKey(command.value) { join(session, group, since: id) }
        case .removeFromGroup:
            if let group = GroupKey(command.value), session.groups.removeValue(forKey: group.folded) != nil {
                index.remove(session, from: group.folded)
                session.outbox.groupsChanged = true
            }
        case .abort:
            remove(session)
        }
        if command.waitForAck {
            publishLater(
                Message(
                    source: session.connectionID, key: Signal.ack.key, value: [], commandID: command.id, isAck: true))
        }
    }

    private func join(_ session: Session, _ group: GroupKey, since id: UInt64) {
        guard session.groups[group.folded] == nil else { return }
        session.groups[group.folded] = Session.Membership(name: group.name, since: id)
        index.add(session, to: group.folded)
        session.outbox.groupsChanged = true
    }

    // MARK: - To the backplane

    /// Publishes one message in an envelope of its own.
    ///
    /// - Throws: ``HubCallError`` if Redis is not reached.
    func publish(_ message: Message) async throws {
        do {
            let id = try await bus.publish(message)
            metrics.published.increment()
            observer?.published(id: id, message: message)
        } catch {
            metrics.publishErrors.increment()
            throw error
        }
    }

    /// Has the owner of a connection change its groups.
    ///
    /// - Throws: ``HubCallError`` if it does not acknowledge in time.
    func command(_ type: CommandType, group: String, hub: String, connectionID: String) async throws {
        let command = Command(
            waitForAck: true, id: GUID.random(), type: type, value: Signal.group(hub: hub, group: group).key)
        let message = Message(command, to: connectionID)
        let acknowledged = await withCheckedContinuation { continuation in
            acknowledgements.add(command.id, continuation)
            Task {
                do {
                    try await publish(message)
                    try await Task.sleep(for: timing.acknowledgement)
                } catch {
                    logger.warning("a group command could not be published", metadata: ["cause": "\(error)"])
                }
                acknowledgements.resolve(command.id, acknowledged: false)
            }
        }
        guard acknowledged else {
            metrics.missingAcknowledgements.increment()
            throw HubCallError.unacknowledged
        }
    }

    /// Tells whichever node owns the connection to end it.
    func abort(connectionID: String) async throws {
        try await publish(
            Message(Command(waitForAck: false, id: GUID.random(), type: .abort), to: connectionID))
    }

    private func publishLater(_ message: Message) {
        Task {
            do {
                try await publish(message)
            } catch {
                logger.warning("could not publish", metadata: ["cause": "\(error)"])
            }
        }
    }

    // MARK: - Transports

    /// Gives a client a transport; one that it had ends.
    ///
    /// - Returns: the number by which the transport speaks of itself.
    func open(_ request: SessionRequest, line: Outlet.Line) -> UInt64 {
        let session: Session
        if let existing = sessions[request.connectionID] {
            session = existing
            give(.end, to: session)
            metrics.connections(session.transport).add(-1)
            session.transport = request.transport
            switch request.purpose {
            case .connect:
                session.isInitialized = false
            case .resume:
                session.isInitialized = true
                rewind(session, to: request.cursor)
            }
        } else {
            session = makeSession(request)
        }
        metrics.connections(session.transport).add(1)
        outletCount += 1
        session.outlet = Outlet(number: outletCount, transport: request.transport, openedAt: .now(), line: line)
        session.lastActive = .now()
        if isDraining { askToReconnect(session) }
        if request.purpose == .connect { initialize(session) }
        pump(session)
        return outletCount
    }

    private func makeSession(_ request: SessionRequest) -> Session {
        let session = Session(
            request: request, cursor: min(request.cursor ?? .max, newestID ?? request.cursor ?? 0), now: .now())
        sessions[session.connectionID] = session
        for key in session.signals { index.add(session, to: key) }
        for group in request.groups { join(session, GroupKey(named: group), since: 0) }
        // The client knows them: it brought the token.
        session.outbox.groupsChanged = false
        if request.purpose == .resume, let cursor = request.cursor {
            if let oldest = store.oldestID, oldest > cursor + 1 { metrics.incompleteResumes.increment() }
            for envelope in store.envelopes(after: cursor) {
                for message in envelope.messages where session.listens(to: message.key, id: envelope.id) {
                    if let command = message.command {
                        execute(command, for: session, id: envelope.id)
                    } else {
                        append(message, id: envelope.id, to: session)
                    }
                }
            }
            session.resumedMessages = session.outbox.count
            session.resumedBytes = session.outbox.byteCount
        }
        return session
    }

    /// Puts back into the outbox what has gone out but, as the client's cursor tells, has not arrived.
    private func rewind(_ session: Session, to cursor: UInt64?) {
        guard let cursor, session.hasCurrentCursor, cursor <= newestID ?? 0 else { return }
        var missed = Outbox(cursor: cursor)
        for envelope in store.envelopes(after: cursor, through: session.outbox.cursor) {
            for message in envelope.messages where session.listens(to: message.key, id: envelope.id) {
                if message.command?.type == .initializing { missed.initialized = true }
                let isForClient = message.command == nil && !session.isExcluded(by: message.excluded)
                missed.append(id: envelope.id, value: isForClient ? message.value : nil)
            }
        }
        session.outbox.rewind(to: cursor, missed: missed)
    }

    /// Proves that the client is reached through the backplane before it hears that it is connected.
    private func initialize(_ session: Session) {
        session.initializingSince = .now()
        let message = Message(
            Command(waitForAck: false, id: GUID.random(), type: .initializing), to: session.connectionID)
        Task {
            do {
                try await publish(message)
            } catch {
                logger.warning("cannot initialize a connection", metadata: ["cause": "\(error)"])
                remove(session)
            }
        }
    }

    /// Waits for what a stream or a poll has to write next.
    func nextDelivery(connectionID: String, outlet number: UInt64) async -> Outlet.Delivery {
        await withCheckedContinuation { continuation in
            guard let session = sessions[connectionID], session.outlet?.number == number else {
                continuation.resume(returning: .end)
                return
            }
            session.outlet?.line = .pull(waiting: continuation)
            pump(session)
        }
    }

    /// A webSocket can take more.
    func becameWritable(connectionID: String) {
        if let session = sessions[connectionID] { pump(session) }
    }

    /// A transport has ended. Its client has some time to come back with another.
    func closed(connectionID: String, outlet number: UInt64) {
        guard let session = sessions[connectionID], session.outlet?.number == number else { return }
        give(.end, to: session)
        session.lastActive = .now()
    }

    private func remove(_ session: Session) {
        give(.end, to: session)
        guard sessions[session.connectionID] === session else { return }
        sessions.removeValue(forKey: session.connectionID)
        metrics.connections(session.transport).add(-1)
        for key in session.signals { index.remove(session, from: key) }
        for key in session.groups.keys { index.remove(session, from: key) }
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
    private func askToReconnect(_ session: Session) {
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
    }
}

extension Message {
    /// A command to whichever node owns the connection.
    init(_ command: Command, to connectionID: String) {
        self.init(
            source: connectionID, key: Signal.connection(connectionID).key, value: command.encoded(),
            commandID: command.id, waitForAck: command.waitForAck)
    }
}

extension TimeAmount {
    fileprivate var seconds: Double { Double(nanoseconds) * 1e-9 }
}
