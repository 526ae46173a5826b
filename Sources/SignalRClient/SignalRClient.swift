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
package actor SignalRClient {
    package nonisolated let configuration: SignalRClientConfiguration
    nonisolated let network: SignalRNetwork
    nonisolated let eventLoop: any EventLoop
    private nonisolated let onEvent: @Sendable (SignalRClientEvent) -> Void

    package nonisolated var unownedExecutor: UnownedSerialExecutor { eventLoop.executor.asUnownedSerialExecutor() }

    var machine: ConnectionMachine
    /// The current node.
    package internal(set) var node: NodeURL
    var negotiation: NegotiateAnswer?
    /// Where to resume after a reconnect: `C` of the last frame.
    package internal(set) var cursor: String?
    /// Proves group memberships to another node: the last `G`.
    package internal(set) var groupsToken: String?
    var transport: OpenTransport?
    var calls = PendingCalls()
    /// Waits for ``start()`` or ``reconnect(to:)``.
    var owner: CheckedContinuation<Void, any Error>?
    /// Whether the transport of this epoch is open.
    var hasOpened = false
    var keepAlive: KeepAliveMonitor?
    /// The only timer: for opening, then for keep-alives, or for the next attempt.
    var timer: Scheduled<Void>?
    /// The pending abort request.
    var aborting: Task<Void, Never>?

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
        node = configuration.node
        machine = ConnectionMachine(reconnectsByItself: configuration.reconnectsByItself)
    }

    /// The id assigned by the node; nil before negotiation.
    package var connectionID: String? { negotiation?.connectionID }

    package var isConnected: Bool { machine.phase == .connected }

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
        if let other { node = other }
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

    // MARK: - The state machine's servant

    private func requireNoOwner() throws {
        guard owner == nil else { throw SignalRClientError.misuse("start() or reconnect() is still under way") }
    }

    private func settle(_ input: ConnectionMachine.Input) async throws {
        try requireNoOwner()
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                owner = continuation
                handle(input)
            }
        } onCancel: {
            Task { await self.cancelOwner() }
        }
    }

    private func cancelOwner() {
        guard let owner else { return }
        self.owner = nil
        handle(.stop)
        owner.resume(throwing: CancellationError())
    }

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

    private func settleOwner(_ result: Result<Void, any Error>) {
        owner?.resume(with: result)
        owner = nil
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

    func emit(_ event: SignalRClientEvent) {
        onEvent(event)
    }

    /// Replaces the current timer.
    func after(_ delay: TimeAmount, _ body: @escaping @Sendable (isolated SignalRClient) -> Void) {
        timer?.cancel()
        timer = eventLoop.scheduleTask(in: delay) { self.assumeIsolated(body) }
    }
}
