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
    private let signalR2: SignalR2Publisher?
    /// Nil for a hub without a backplane: its clients reach only each other.
    let bus: CoreBus?
    let acknowledgementTime: Duration
    var acknowledgements = PendingAcknowledgements()
    /// The id of the last group command.
    var commandCount: Int32 = 0
    /// Why the backplane is not available; nil if it is.
    var listening: String? = "not connected to Redis yet"
    var publishing: String? = "not connected to Redis yet"
    private let executor: any SerialExecutor

    let writer: DeliveryWriter
    var clients = CoreClientRegistry()
    /// Client results that hub methods are waiting for, by call id.
    var answers = CoreAnswers()
    private(set) var isDraining = false
    private var outletCount: UInt64 = 0
    private var messageCount: UInt64 = 0

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
        signalR2: SignalR2Publisher?, bus: CoreBus? = nil, acknowledgementTime: Duration = .seconds(30),
        executor: any SerialExecutor, logger: Logger
    ) {
        self.bus = bus
        self.acknowledgementTime = acknowledgementTime
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
    /// - Parameter hasToken: false for clients of version 0, whose requests carry the connection's id instead.
    /// - Returns: its id and its token.
    func negotiate(user: String, hasToken: Bool) -> (id: String, token: String) {
        let client = makeClient(user: user, hasToken: hasToken)
        return (client.id, client.token)
    }

    private func makeClient(user: String, hasToken: Bool = true) -> CoreClient {
        let id = CoreConnectionID.random()
        let now = NIODeadline.now()
        let client = CoreClient(
            session: Session(
                connectionID: id, user: user, transport: .webSockets, codec: CoreCodec(messages: .json), now: now),
            token: hasToken ? CoreConnectionID.random() : id, limit: settings.inboundMessageBytes, now: now)
        clients.add(client)
        return client
    }

    enum Admission {
        case admitted
        case notFound
        /// The connection already has a transport.
        case conflict
        /// The connection has a transport of another kind.
        case otherTransport
    }

    /// Whether a connection may use this transport.
    func admission(token: String, _ transport: TransportKind) -> Admission {
        guard let client = clients[token: token] else { return .notFound }
        guard client.transportSince != nil else { return .admitted }
        guard client.session.transport == transport else { return .otherTransport }
        return transport == .longPolling ? .admitted : .conflict
    }

    /// Attaches a transport to a connection; a poll replaces the previous one.
    ///
    /// - Parameter token: nil for a webSocket without negotiation.
    /// - Returns: the connection's token and the number that identifies the transport; nil if it may not have it.
    func open(token: String?, user: String, _ transport: TransportKind, line: Outlet.Line) -> CoreTransportID? {
        let now = NIODeadline.now()
        let client = token.map { clients[token: $0] } ?? makeClient(user: user)
        guard let client, case .admitted = admission(token: client.token, transport) else { return nil }
        let session = client.session
        writer.give(.end, to: session)
        if client.transportSince == nil {
            client.transportSince = now
            session.transport = transport
            metrics.connections(transport).add(1)
        }
        outletCount += 1
        session.outlet = Outlet(number: outletCount, transport: transport, openedAt: now, line: line)
        session.lastActive = now
        return CoreTransportID(token: client.token, outlet: outletCount)
    }

    /// Waits for the next item of a stream or a poll.
    func nextDelivery(_ transport: CoreTransportID) async -> Outlet.Delivery {
        await withCheckedContinuation { continuation in
            guard let client = client(transport) else { return continuation.resume(returning: .end) }
            client.session.outlet?.line = .pull(waiting: continuation)
            if client.session.transport == .longPolling, !client.hasPolled {
                // Like a real node: the first poll is answered immediately, which confirms the connection.
                client.hasPolled = true
                return writer.sendNothing(to: client.session)
            }
            pump(client)
        }
    }

    /// A webSocket can accept more.
    func becameWritable(_ transport: CoreTransportID) {
        if let client = client(transport) { pump(client) }
    }

    /// A transport has ended, and with it the connection, unless it uses long polling.
    func closed(_ transport: CoreTransportID) {
        guard let client = client(transport) else { return }
        writer.give(.end, to: client.session)
        client.session.lastActive = .now()
        if client.session.transport != .longPolling { remove(client) }
    }

    /// The client ends its long polling.
    ///
    /// - Returns: false if it does not use long polling.
    func delete(token: String) -> Bool {
        guard let client = clients[token: token], client.session.transport == .longPolling else { return false }
        remove(client)
        return true
    }

    /// The connection, if this is still its transport.
    func client(_ transport: CoreTransportID) -> CoreClient? {
        guard let client = clients[token: transport.token], client.session.outlet?.number == transport.outlet else {
            return nil
        }
        return client
    }

    /// Responds to a connection's requests.
    struct State: Sendable {
        /// Nil if it has no transport yet.
        let transport: TransportKind?
    }

    /// - Returns: nil if there is no such connection.
    func state(token: String) -> State? {
        clients[token: token].map { State(transport: $0.transportSince == nil ? nil : $0.session.transport) }
    }

    // MARK: - Writing

    func send(_ message: CoreServerMessage, to client: CoreClient) {
        guard let format = client.format, !client.isOver else { return }
        enqueue(ByteBuffer(bytes: message.encoded(format)), for: client)
        pump(client)
    }

    /// - Parameter message: encoded in the client's protocol.
    func enqueue(_ message: ByteBuffer, for client: CoreClient) {
        // Messages here are not part of an envelope: each may be sent in its own frame.
        messageCount += 1
        client.session.outbox.append(id: messageCount, value: message)
        guard client.session.isBeyond(limits), !client.isOver else { return }
        metrics.slowClients.increment()
        logger.warning(
            "a client is too slow and is disconnected",
            metadata: ["connection": "\(client.id)", "waiting": "\(client.session.outbox.count)"])
        remove(client)
    }

    func pump(_ client: CoreClient) {
        writer.pump(client.session)
        guard client.session.outbox.isIdle else { return }
        client.wakeWriters()
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

    /// Messages no longer go to it, and nothing waits for it.
    func disconnect(_ client: CoreClient) {
        for stream in client.streams.values { stream.cancel() }
        client.streams = [:]
        for upload in client.uploads.values { upload.finish(HubError("The connection has ended.")) }
        client.uploads = [:]
        client.calls.removeAll()
        answers.disconnected(client.id)
        guard let left = clients.disconnect(client), let format = client.format else { return }
        leave(left, client)
        metrics.coreConnections(format.name).add(-1)
    }

    // MARK: - Time

    /// Checks for silent and dead connections; call about once a second.
    func tick() {
        let now = NIODeadline.now()
        acknowledgements.expire(at: now)
        for client in clients.all {
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
    }

    /// Asks every client to reconnect, to another node.
    func drain() {
        isDraining = true
        for client in clients.all { close(client, allowReconnect: true) }
    }

    var hasClientsToDrain: Bool { clients.all.contains { $0.session.outlet != nil } }

    /// Ends everything that is waiting.
    func shutDown() {
        for client in clients.all { remove(client) }
        acknowledgements.giveUpAll()
    }
}

/// One transport of a connection.
struct CoreTransportID: Sendable {
    /// The connection's token.
    let token: String
    let outlet: UInt64
}
