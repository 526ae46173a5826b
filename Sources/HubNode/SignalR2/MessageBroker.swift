import Backplane
import Logging
import NIOCore
import Prometheus

/// Connects the backplane of SignalR 2 with this node's clients: delivers messages to their recipients, executes
/// commands of other nodes, and sends reconnecting clients what they missed.
///
/// Runs on the node's event loop, with the bus and the clients' sockets: no locks, and a single order for everything.
actor MessageBroker {
    /// The publisher to the backplane.
    nonisolated let publisher: SignalR2Publisher
    private let limits: HubNodeLimits
    private let timing: HubNodeTiming
    let metrics: HubMetrics
    let logger: Logger
    private let executor: any SerialExecutor

    let writer: DeliveryWriter
    var clients = ClientRegistry()
    private var report: BusReport
    var store: EnvelopeStore
    var resumes: ResumeAccount
    var newestID: UInt64?
    var outletCount: UInt64 = 0
    private(set) var isDraining = false
    /// Why the backplane is not available; nil if it is.
    var outage: String? { report.outage }

    nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

    /// - Parameter executor: of the event loop of the publisher and every socket.
    init(
        publisher: SignalR2Publisher, configuration: HubNodeConfiguration, metrics: HubMetrics,
        observer: (any HubNodeObserver)?, executor: any SerialExecutor, logger: Logger
    ) {
        self.publisher = publisher
        limits = configuration.limits
        timing = configuration.timing
        self.metrics = metrics
        self.executor = executor
        self.logger = logger
        let sealer = TokenSealer(key: configuration.tokenKey)
        writer = DeliveryWriter(metrics: metrics) {
            sealer.groupsToken(connectionID: $0.connectionID, groups: $0.groupNames)
        }
        report = BusReport(
            metrics: metrics, envelopeLimit: limits.envelopeBytes, observer: observer, logger: logger)
        store = EnvelopeStore(maximumCount: limits.storedEnvelopes, maximumBytes: limits.storedBytes)
        resumes = ResumeAccount(metrics: metrics, logger: logger)
    }

    // MARK: - From the backplane

    func handle(_ event: BusEvent) {
        report.note(event)
        switch event {
        case .opened, .closed, .undecodable: break
        case .counter(let counter, let wasAsked):
            resumes.counter(counter, wasAsked: wasAsked, oldestStored: store.oldestID)
        case .oversized(let id?, _):
            newestID = id
            resumes.heard(id, oldestStored: store.oldestID)
            // Clients that reconnect from before it miss it too.
            resumes.missed(through: id)
        case .oversized: break
        case .missed(_, let to):
            resumes.missed(through: to)
        case .counterReset(_, let to):
            store.removeAll()
            resumes.reset(to: to)
            for session in clients.all { session.hasCurrentCursor = false }
        case .envelope(let envelope):
            newestID = envelope.id
            resumes.heard(envelope.id, oldestStored: store.oldestID)
            publisher.assumeIsolated { $0.heard(envelope) }
            let envelope = StoredEnvelope(envelope)
            store.append(envelope)
            deliver(envelope)
        case .readComplete:
            writer.flush()
        }
    }

    private func deliver(_ envelope: StoredEnvelope) {
        let now = NIODeadline.now()
        for message in envelope.messages {
            // Clients without pending messages all get the same bytes.
            var shared = SharedFrame(cursor: envelope.id, message: message.value)
            var sharedCount = 0
            var someWait = false
            for session in clients.subscribers(of: message.key) {
                if let command = message.command {
                    if session.isTarget(of: message.key) { execute(command, for: session, id: envelope.id) }
                    someWait = true
                } else if session.hasGroupsUnderOneKey, session.deliveries(of: message.key) > 1 {
                    for _ in 0..<session.deliveries(of: message.key) where clients.contains(session) {
                        enqueue(message, id: envelope.id, for: session)
                    }
                    someWait = true
                } else if envelope.messages.count == 1, session.isInitialized, session.outbox.isIdle,
                    session.outlet?.isReady == true, !session.isExcluded(by: message.excluded)
                {
                    session.outbox.sentDirectly(id: envelope.id)
                    writer.write(shared.encoded(by: session.codec), to: session, at: now)
                    sharedCount += 1
                } else {
                    enqueue(message, id: envelope.id, for: session)
                    someWait = true
                }
            }
            if sharedCount > 0 { metrics.delivered.increment(by: sharedCount) }
            guard someWait else { continue }
            for session in clients.subscribers(of: message.key) where !session.outbox.isIdle { writer.pump(session) }
        }
    }

    private func enqueue(_ message: StoredEnvelope.Message, id: UInt64, for session: Session) {
        session.append(message, id: id)
        guard session.isBeyond(limits) else { return }
        metrics.slowClients.increment()
        logger.warning(
            "a client is too slow and is disconnected",
            metadata: ["connection": "\(session.connectionID)", "waiting": "\(session.outbox.count)"])
        remove(session)
    }

    func execute(_ command: Command, for session: Session, id: UInt64) {
        session.outbox.append(id: id, value: nil)
        switch command.type {
        case .initializing:
            session.isInitialized = true
            session.outbox.initialized = true
            if let since = session.initializingSince {
                metrics.initializingSeconds.observe(Double((NIODeadline.now() - since).nanoseconds) * 1e-9)
                session.initializingSince = nil
            }
        case .addToGroup:
            if let group = GroupKey(command.value) { clients.join(session, group, since: id) }
        case .removeFromGroup:
            if let group = GroupKey(command.value) { clients.leave(session, group) }
        case .abort:
            remove(session)
        }
        if command.waitForAck {
            let id = session.connectionID
            publisher.assumeIsolated { $0.acknowledge(command.id, of: id) }
        }
    }

    func remove(_ session: Session) {
        writer.give(.end, to: session)
        if clients.remove(session) { metrics.connections(session.transport).add(-1) }
    }

    // MARK: - Time

    /// Checks for silent and dead connections; call about once a second.
    func tick() {
        let now = NIODeadline.now()
        publisher.assumeIsolated { $0.tick(at: now) }
        resumes.tick()
        for session in clients.all {
            switch session.due(at: now, timing) {
            case nil: break
            case .removal: remove(session)
            case .emptyPoll: writer.sendNothing(to: session)
            case .keepAlive:
                writer.give(.keepAlive, to: session)
                session.lastActive = now
            }
        }
        metrics.storedEnvelopes.set(Double(store.count))
        metrics.storedBytes.set(Double(store.byteCount))
    }

    /// Asks every client to reconnect, to another node.
    func drain() {
        isDraining = true
        for session in clients.all {
            session.askToReconnect()
            writer.pump(session)
        }
    }

    /// Whether a client still has a transport here, or has not been notified: a polling client is notified at its next
    /// poll.
    var hasClientsToDrain: Bool {
        clients.all.contains { $0.outlet != nil || $0.outbox.reconnect }
    }

    /// Ends everything that is waiting.
    func shutDown() {
        for session in clients.all { remove(session) }
        publisher.assumeIsolated { $0.shutDown() }
        resumes.shutDown()
    }
}
