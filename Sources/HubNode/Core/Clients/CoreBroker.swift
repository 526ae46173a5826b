import Backplane
import Logging
import NIOCore
import Prometheus

/// Connects this node's ASP.NET Core SignalR clients: receives their messages, runs their calls, and delivers messages
/// to their recipients.
///
/// Runs on the node's event loop, with the clients' sockets: no locks, and a single order for everything.
actor CoreBroker {
    let settings: CoreHubSettings
    let hub: Hub
    let dispatcher: HubDispatcher
    let limits: HubNodeLimits
    let metrics: HubMetrics
    let logger: Logger
    private let signalR2: (any Publisher)?
    /// Nil for a hub without a backplane: its clients reach only each other.
    let bus: CoreBus?
    let writer: DeliveryWriter
    private let executor: any SerialExecutor

    var clients = CoreClientRegistry()
    /// Client results that hub methods are waiting for, by call id.
    var answers = CoreAnswers()
    /// Clients to be asked to reconnect, because they may have missed messages.
    private var gapClosings = GapClosings()
    private(set) var isDraining = false

    nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }
    /// The publisher for hub methods, for both generations.
    nonisolated var publisher: HubPublisher { HubPublisher(signalR2: signalR2, core: self) }
    nonisolated var errors: CoreErrorText { CoreErrorText(detailed: dispatcher.detailedErrors) }

    /// - Parameters:
    ///   - hub: the hub to serve.
    ///   - signalR2: the publisher to the hub's SignalR 2 clients; nil if there are none.
    ///   - executor: of the event loop of every socket.
    init(
        settings: CoreHubSettings, hub: Hub, dispatcher: HubDispatcher, limits: HubNodeLimits, metrics: HubMetrics,
        signalR2: (any Publisher)?, bus: CoreBus?, executor: any SerialExecutor, logger: Logger
    ) {
        self.bus = bus
        self.settings = settings
        self.hub = hub
        self.dispatcher = dispatcher
        self.limits = limits
        self.metrics = metrics
        self.signalR2 = signalR2
        self.executor = executor
        self.logger = logger
        writer = DeliveryWriter(metrics: metrics) { _ in "" }
    }

    // MARK: - Connections

    /// A new connection without a transport.
    ///
    /// - Parameters:
    ///   - hasToken: false for clients of version 0, whose requests carry the connection's id instead.
    ///   - offersStatefulReconnect: whether the client may open a new webSocket if this one fails.
    /// - Returns: its id and its token.
    func negotiate(
        user: String, hasToken: Bool, offersStatefulReconnect: Bool = false
    ) -> (id: String, token: String) {
        let client = makeClient(user: user, hasToken: hasToken, offersStatefulReconnect: offersStatefulReconnect)
        return (client.id, client.token)
    }

    func makeClient(user: String, hasToken: Bool = true, offersStatefulReconnect: Bool = false) -> CoreClient {
        let id = CoreConnectionID.random()
        let now = NIODeadline.now()
        let client = CoreClient(
            session: Session(
                connectionID: id, user: user, transport: .webSockets, codec: CoreCodec(messages: .json), now: now),
            token: hasToken ? CoreConnectionID.random() : id, offersStatefulReconnect: offersStatefulReconnect,
            limit: settings.inboundMessageBytes, now: now)
        clients.add(client)
        return client
    }

    /// The connection, if this is still its transport.
    func client(_ transport: CoreTransportID) -> CoreClient? {
        guard let client = clients[token: transport.token], client.has(transport) else { return nil }
        return client
    }

    /// The state that determines the response to a connection's request.
    struct State: Sendable {
        /// Nil if the connection has no transport yet.
        let transport: TransportKind?
    }

    /// - Returns: nil if there is no such connection.
    func state(token: String) -> State? {
        clients[token: token].map { State(transport: $0.transportSince == nil ? nil : $0.session.transport) }
    }

    // MARK: - Writing

    func send(_ message: CoreServerMessage, to client: CoreClient) {
        guard let format = client.format, !client.isOver else { return }
        enqueue(ByteBuffer(bytes: message.encoded(format)), isCounted: message.isCounted, for: client)
        pump(client)
    }

    /// - Parameters:
    ///   - message: encoded in the client's protocol.
    ///   - isCounted: whether it must arrive even if the client's webSocket fails and is replaced in time.
    func enqueue(_ message: ByteBuffer, isCounted: Bool, for client: CoreClient) {
        if !isCounted || client.stateful?.send(message) != false { client.append(message) }
        guard client.isBeyond(limits), !client.isOver else { return }
        metrics.slowClients.increment()
        logger.warning(
            "a client is too slow and is disconnected",
            metadata: [
                "connection": "\(client.id)",
                "waiting": "\(max(client.session.outbox.count, client.stateful?.pending.messages ?? 0))",
            ])
        remove(client)
    }

    func pump(_ client: CoreClient) {
        writer.pump(client.session)
        guard client.session.outbox.isIdle else { return }
        if client.stateful?.isFull != true { client.wakeWriters() }
        guard client.isOver else { return }
        // The last message was sent. A polling client learns of the end at its next poll.
        if client.session.transport != .longPolling {
            remove(client)
        } else if client.session.outlet?.isReady == true {
            writer.give(.end, to: client.session)
            remove(client)
        }
    }

    /// Sends a close message, then ends the connection.
    func close(_ client: CoreClient, error: String? = nil, allowReconnect: Bool = false) {
        guard !client.isOver else { return }
        if client.format != nil { send(.close(error: error, allowReconnect: allowReconnect), to: client) }
        end(client)
    }

    /// Stops reading from the connection; pending messages are still sent.
    func end(_ client: CoreClient) {
        guard !client.isOver else { return }
        client.phase = .over
        client.overSince = .now()
        disconnect(client)
        pump(client)
    }

    /// Ends a connection immediately.
    func remove(_ client: CoreClient) {
        client.phase = .over
        disconnect(client)
        clients.remove(client)
        if client.transportSince != nil {
            client.transportSince = nil
            metrics.connections(client.session.transport).add(-1)
        }
        writer.give(.end, to: client.session)
        client.wakeWriters()
        client.wakeReaders()
    }

    /// Stops delivering messages to a client, and ends everything that waits for it.
    func disconnect(_ client: CoreClient) {
        for stream in client.streams.values { stream.cancel() }
        client.streams = [:]
        for upload in client.uploads.values { upload.finish(HubError("The connection has ended.")) }
        client.uploads = [:]
        client.calls.removeAll()
        let owed = answers.disconnected(client.id)
        if owed > 0 { metrics.missingResults.increment(by: owed) }
        guard let left = clients.disconnect(client), let format = client.format else { return }
        leave(left, client)
        metrics.coreConnections(format.name).add(-1)
    }

    // MARK: - Time

    /// Checks for silent and dead connections; call about once a second.
    func tick(at now: NIODeadline = .now()) {
        bus?.assumeIsolated { $0.expireGroupCommands(at: now) }
        for client in clients.all {
            if let number = client.stateful?.dueAck() { send(.ack(number), to: client) }
            switch client.due(at: now, settings.timing) {
            case nil: break
            case .removal: remove(client)
            case .handshakeFailure: refuse(client, .canceled)
            case .timeout:
                close(
                    client,
                    error: errors.closing(
                        "OperationCanceledException: Client hasn't sent a message/ping within the configured ClientTimeoutInterval."
                    ), allowReconnect: true)
            case .emptyPoll: writer.sendNothing(to: client.session)
            case .ping: send(.ping, to: client)
            }
        }
        for token in gapClosings.take(at: now) {
            guard let client = clients[token: token], !client.isOver else { continue }
            metrics.coreGapDisconnects.increment()
            close(client, error: errors.closing("Messages of the backplane were missed."), allowReconnect: true)
        }
    }

    /// The subscription was lost and restored: clients missed what was published meanwhile; how much is unknown.
    ///
    /// - Parameter length: how long it was lost.
    func noteGap(_ length: TimeAmount, at now: NIODeadline) {
        metrics.coreGaps.increment()
        let connected = clients.connected
        let seconds = Double(length.nanoseconds) * 1e-9
        logger.warning(
            "the backplane could not be read for a while: clients missed what was published meanwhile",
            metadata: [
                "hub": "\(hub.name)", "seconds": "\((seconds * 1000).rounded() / 1000)",
                "clients": "\(connected.count)", "closed": "\(settings.reconnectsAfterGap)",
            ])
        guard settings.reconnectsAfterGap else { return }
        gapClosings.add(connected.map(\.token), at: now, over: TimeAmount(settings.timing.gapSpread))
    }

    // MARK: - Shutdown

    /// Asks every client to reconnect, to another node.
    func drain() {
        isDraining = true
        for client in clients.all { close(client, allowReconnect: true) }
    }

    var hasClientsToDrain: Bool { clients.all.contains { $0.session.outlet != nil } }

    /// Ends everything that is waiting.
    func shutDown() {
        for client in clients.all { remove(client) }
        bus?.assumeIsolated { $0.giveUpGroupCommands() }
        answers.giveUpAll()
    }
}
