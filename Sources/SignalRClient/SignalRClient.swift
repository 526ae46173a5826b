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
    static let stopInput = ConnectionMachine.Input.stop
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

    /// Whether the start or the last reconnect is complete and the transport is not known to be lost.
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

    func emit(_ event: SignalRClientEvent) {
        onEvent(event)
    }

    /// Replaces the current timer.
    func after(_ delay: TimeAmount, _ body: @escaping @Sendable (isolated SignalRClient) -> Void) {
        timer?.cancel()
        timer = eventLoop.scheduleTask(in: delay) { self.assumeIsolated(body) }
    }
}

/// How long to wait before the next attempt to reconnect.
enum RetryDelay {
    private static let first: TimeAmount = .milliseconds(200)
    private static let longest: TimeAmount = .seconds(2)

    /// - Parameter attempt: 0 for the first one, which is immediate.
    /// - Returns: from 0 up to 2 s, randomized so that thousands of clients of one node do not reconnect at once.
    static func delay(attempt: Int, using random: inout some RandomNumberGenerator) -> TimeAmount {
        guard attempt > 0 else { return .zero }
        let delay = min(first.nanoseconds << min(attempt - 1, 8), longest.nanoseconds)
        return .nanoseconds(Int64.random(in: delay / 2...delay, using: &random))
    }
}

/// Calls waiting for their results.
struct PendingCalls {
    private struct Call {
        /// Nil for a call whose result is the response to its request.
        let result: CheckedContinuation<JSONTree, any Error>?
        let timer: Scheduled<Void>?
        let onProgress: (@Sendable (JSONTree) -> Void)?
    }

    private var calls: [Int: Call] = [:]
    private var nextID = 0

    mutating func makeID() -> Int {
        defer { nextID += 1 }
        return nextID
    }

    mutating func add(
        _ id: Int, result: CheckedContinuation<JSONTree, any Error>?, timer: Scheduled<Void>?,
        onProgress: (@Sendable (JSONTree) -> Void)?
    ) {
        calls[id] = Call(result: result, timer: timer, onProgress: onProgress)
    }

    func progress(_ id: Int, _ value: JSONTree) {
        calls[id]?.onProgress?(value)
    }

    mutating func answer(_ response: CallResponse) {
        guard let id = Int(response.call) else { return }
        switch response.outcome {
        case .success(let value): finish(id, .success(value))
        case .failure(let error): finish(id, .failure(error))
        }
    }

    /// Does nothing if the call has already ended.
    mutating func finish(_ id: Int, _ result: Result<JSONTree, any Error>) {
        guard let call = calls.removeValue(forKey: id) else { return }
        call.timer?.cancel()
        call.result?.resume(with: result)
    }

    /// Fails the calls whose results can no longer arrive.
    mutating func failAll(_ error: SignalRClientError) {
        for (id, call) in calls where call.result != nil { finish(id, .failure(error)) }
    }
}

/// The configuration of a client.
package struct SignalRClientConfiguration: Sendable {
    /// Where it starts; ``SignalRClient/reconnect(to:)`` may move it to another node.
    package var node: NodeURL
    /// Names of the hubs to use, case-insensitive.
    package var hubs: [String]
    /// How messages travel: the only transport that is tried.
    package var transport: ClientTransport
    /// Sent with every request, such as `user`.
    package var query: [(name: String, value: String)]
    /// Whether the client recovers a lost transport by itself, while the node remembers it. Never after
    /// ``SignalRClient/dropTransport()``.
    package var reconnectsByItself: Bool
    /// The longest wait for a TCP connection, and for the whole response to a request.
    package var requestTimeout: Duration
    /// From opening a transport to its first frame; nil uses the node's value, usually 5 s.
    package var openTimeout: Duration?
    /// The longest wait for the result of a call; longer than the 30 to 35 s after which a node gives up a group
    /// command.
    package var callTimeout: Duration

    /// The defaults: webSockets, 10 s for a request, 40 s for a call.
    package init(
        node: NodeURL, hubs: [String], transport: ClientTransport = .webSockets,
        query: [(name: String, value: String)] = [], reconnectsByItself: Bool = true,
        requestTimeout: Duration = .seconds(10), openTimeout: Duration? = nil, callTimeout: Duration = .seconds(40)
    ) {
        self.node = node
        self.hubs = hubs
        self.transport = transport
        self.query = query
        self.reconnectsByItself = reconnectsByItself
        self.requestTimeout = requestTimeout
        self.openTimeout = openTimeout
        self.callTimeout = callTimeout
    }
}
