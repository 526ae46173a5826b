import JSON
import NIOCore

/// A SignalR 2 client: one connection to a hub node, over one transport.
///
/// ```swift
/// let client = SignalRClient(
///     configuration: SignalRClientConfiguration(node: try NodeURL("http://127.0.0.1:8080/signalr"), hubs: ["chatHub"]),
///     network: network
/// ) { event in print(event) }
/// try await client.start()
/// let answer = try await client.invoke("chatHub", "echo", ["é"])
/// await client.stop()
/// ```
/// It runs on the event loop of its socket: frames reach it without a hop, a lock or a task. Events are passed to a
/// closure on that loop instead of an `AsyncStream`, so that they are seen immediately, and an idle client needs no
/// task and no queue; a closure can yield into a stream.
///
/// Every wait is bounded, by the node's timeouts and by ``SignalRClientConfiguration``.
package actor SignalRClient: OwnedClient {
    /// As given to the initializer.
    package nonisolated let configuration: SignalRClientConfiguration
    nonisolated let network: SignalRNetwork
    nonisolated let eventLoop: any EventLoop
    private nonisolated let onEvent: @Sendable (SignalRClientEvent) -> Void

    /// The event loop of its socket.
    package nonisolated var unownedExecutor: UnownedSerialExecutor { eventLoop.executor.asUnownedSerialExecutor() }

    private var machine: ConnectionMachine
    /// Whether the transport of this epoch is open.
    private var hasOpened = false
    private var keepAlive: KeepAliveMonitor?
    /// The only timer: for opening, then for keep-alives, or for the next attempt.
    private var timer: Scheduled<Void>?
    /// The pending abort request.
    private var aborting: Task<Void, Never>?
    /// The connection as its node knows it, and where to resume it.
    var session: NodeSession
    var transport: OpenTransport?
    var calls = PendingCalls()
    static let stopInput = ConnectionMachine.Input.stop
    /// Waits for ``start()`` or ``reconnect(to:)``.
    var owner: CheckedContinuation<Void, any Error>?

    /// - Parameters:
    ///   - network: shared by all clients of the process.
    ///   - onEvent: called on the event loop, so it must not block.
    package init(
        configuration: SignalRClientConfiguration, network: SignalRNetwork,
        onEvent: @escaping @Sendable (SignalRClientEvent) -> Void = { _ in }
    ) {
        self.configuration = configuration
        self.network = network
        self.onEvent = onEvent
        eventLoop = network.eventLoopGroup.next()
        session = NodeSession(configuration)
        machine = ConnectionMachine(reconnectsByItself: configuration.reconnectsByItself)
    }

    /// The id assigned by the node; nil before negotiation.
    package var connectionID: String? { session.negotiation?.connectionID }

    /// The current node.
    package var node: NodeURL { session.node }

    /// Where to resume after a reconnect: `C` of the last frame.
    package var cursor: String? { session.cursor }

    /// Proves group memberships to another node: the last `G`.
    package var groupsToken: String? { session.groupsToken }

    /// Whether the start or the last reconnect is complete and the transport is not known to be lost.
    package var isConnected: Bool { machine.phase == .connected }

    /// The number of the current transport: events of an older one are ignored.
    var epoch: Int { machine.epoch }

    /// Negotiates, opens the transport, awaits the first frame, calls `/start`.
    ///
    /// A client cannot be reused after a failed start.
    ///
    /// - Throws: ``SignalRClientError``; `CancellationError`.
    package func start() async throws {
        try await settle(.start)
    }

    /// Reopens the transport, with the cursor and the groups token.
    ///
    /// - Parameter other: another node that shares the token key; nil for the same node.
    /// - Throws: ``SignalRClientError``, and the client waits for the next call; `CancellationError`. With long polling
    ///   it returns once the first poll is sent, because a node answers only when there is a message.
    package func reconnect(to other: NodeURL? = nil) async throws {
        try requireNoOwner()
        if let other { session.move(to: other) }
        try await settle(.reconnect)
    }

    /// Closes the transport abruptly, like a lost network. The client then waits for ``reconnect(to:)``. Does nothing
    /// before the first connection.
    package func dropTransport() {
        handle(.drop)
    }

    /// Tells the node that the connection has ended, and closes it. Returns when the node was told, or cannot be
    /// reached.
    package func stop() async {
        handle(.stop)
        await aborting?.value
    }

    // MARK: - Actions of the state machine

    func handle(_ input: ConnectionMachine.Input) {
        for action in machine.handle(input, now: .now()) { perform(action) }
    }

    private func perform(_ action: ConnectionMachine.Action) {
        switch action {
        case .negotiate: Task { await negotiate() }
        case .open(let purpose, let epoch): open(purpose, epoch: epoch)
        case .callStart(let epoch):
            timer?.cancel()
            Task { await callStart(epoch: epoch) }
        case .closeTransport: closeTransport()
        case .abort: aborting = Task { await abort() }
        case .report(let state):
            if state == .connected { watchKeepAlive() }
            if case .disconnected = state { calls.failAll(.stopped) }
            emit(.stateChanged(state))
        case .succeed: settleOwner(.success(()))
        case .fail(let error): settleOwner(.failure(error))
        case .retryLater(let attempt):
            var random = SystemRandomNumberGenerator()
            after(RetryDelay.delay(attempt: attempt, using: &random)) { $0.handle(.retryDue) }
        }
    }

    private func closeTransport() {
        timer?.cancel()
        timer = nil
        keepAlive = nil
        transport?.close()
        transport = nil
        // With webSockets a result arrives only on the socket of the call.
        if configuration.transport == .webSockets {
            calls.failAll(.transportLost(node: "\(node)", reason: "the webSocket of the call has ended"))
        }
    }

    func lose(_ reason: String, epoch: Int) {
        handle(.transportEnded(.transportLost(node: "\(node)", reason: reason), epoch: epoch))
    }

    func emit(_ event: SignalRClientEvent) {
        onEvent(event)
    }

    // MARK: - The transport's opening, and its silence

    private func open(_ purpose: ConnectionMachine.Purpose, epoch: Int) {
        let timeout = configuration.openTimeout ?? session.negotiation?.transportConnectTimeout ?? .seconds(5)
        after(TimeAmount(timeout)) { client in
            // If a transport opened but no first frame arrived, the backplane behind the node is the likely cause.
            let error: SignalRClientError =
                purpose == .connect && client.hasOpened
                ? .notInitialized(node: "\(client.node)", after: timeout)
                : .timedOut(
                    node: "\(client.node)", what: "the opening of \(client.configuration.transport)", after: timeout)
            client.handle(.failed(error, epoch: epoch))
        }
        hasOpened = false
        let endpoint: NodeRequest = purpose == .connect ? .connect : .reconnect
        switch configuration.transport {
        case .webSockets: openWebSocket(endpoint, epoch: epoch)
        case .serverSentEvents: transport = .reader(Task { await readEvents(endpoint, within: timeout, epoch: epoch) })
        case .longPolling: transport = .reader(Task { await poll(endpoint, within: timeout, epoch: epoch) })
        }
    }

    /// The transport is open; frames will follow.
    func opened(epoch: Int) {
        guard epoch == self.epoch else { return }
        hasOpened = true
        handle(.transportOpened(epoch: epoch))
    }

    /// Bytes have arrived from the node.
    func noteReceived() { keepAlive?.received(at: .now()) }

    private func watchKeepAlive() {
        timer?.cancel()
        // A long poll is silent while there are no messages, and has its own limit.
        guard let timeout = session.negotiation?.keepAliveTimeout, configuration.transport != .longPolling else {
            return
        }
        let monitor = KeepAliveMonitor(timeout: TimeAmount(timeout), now: .now())
        keepAlive = monitor
        checkKeepAlive(monitor)
    }

    private func checkKeepAlive(_ monitor: KeepAliveMonitor) {
        switch monitor.verdict(at: .now()) {
        case .alive(let end):
            after(end - .now()) { client in
                if let monitor = client.keepAlive { client.checkKeepAlive(monitor) }
            }
        case .dead:
            let seconds = monitor.timeout.nanoseconds / 1_000_000_000
            lose("nothing arrived for \(seconds) s, not even a keep-alive", epoch: epoch)
        }
    }

    /// Replaces the current timer.
    private func after(_ delay: TimeAmount, _ body: @escaping @Sendable (isolated SignalRClient) -> Void) {
        timer?.cancel()
        timer = eventLoop.scheduleTask(in: delay) { self.assumeIsolated(body) }
    }
}
