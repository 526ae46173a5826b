import Backplane
package import JSON
import NIOCore

/// A client of ASP.NET Core SignalR: one connection to a hub, over one transport and in one protocol, which is replaced
/// if it is lost.
///
/// ```swift
/// let client = CoreSignalRClient(
///     configuration: CoreClientConfiguration(node: try NodeURL("http://127.0.0.1:8080/chathub")), network: network
/// ) { event in print(event) }
/// try await client.start()
/// let answer = try await client.invoke("echo", ["é"])
/// for try await number in await client.stream("countTo", [3]) { print(number) }
/// await client.stop()
/// ```
/// Like ``SignalRClient``, it runs on the event loop of its socket and passes events to a closure on that loop.
package actor CoreSignalRClient: HubConnection, OwnedClient {
    /// Returns the result of a call from the node.
    package typealias Answer = @Sendable (_ arguments: [JSONTree]) async throws -> JSONTree
    /// A stream to the node.
    package typealias Upload = AsyncThrowingStream<JSONTree, any Error>

    /// As given to the initializer.
    package nonisolated let configuration: CoreClientConfiguration
    nonisolated let network: SignalRNetwork
    nonisolated let eventLoop: any EventLoop
    /// Answers by the lower-case name of the method, because names are case-insensitive.
    nonisolated let answers: [String: Answer]
    private nonisolated let onEvent: @Sendable (SignalRClientEvent) -> Void

    /// The event loop of its socket.
    package nonisolated var unownedExecutor: UnownedSerialExecutor { eventLoop.executor.asUnownedSerialExecutor() }

    var machine: CoreConnectionMachine
    var address: CoreAddress
    /// The negotiated properties of the current connection; nil without negotiation.
    var connection: CoreNegotiateAnswer.Connection?
    var transport: OpenTransport?
    var inbox: CoreInbox
    var beat: CoreBeat?
    var calls = CorePendingCalls()
    /// Tasks that send streams to the node, by the id of the stream.
    var uploads: [String: Task<Void, Never>] = [:]
    /// Nil unless the node keeps the connection if its webSocket is lost.
    var resumption: CoreResumption?
    /// Senders waiting until the node acknowledges messages.
    var waitingForRoom: [CheckedContinuation<Void, Never>] = []
    /// The body of the next request; unused with webSockets.
    var outbound: [UInt8] = []
    /// The epoch of the task that posts ``outbound``.
    var postingEpoch: Int?
    /// Timer for opening, the handshake, and the next attempt.
    private var timer: Scheduled<Void>?
    /// Timer for pings, and for a node that is silent.
    private var beatTimer: Scheduled<Void>?
    var ackTimer: Scheduled<Void>?
    static let stopInput = CoreConnectionMachine.Input.stop
    /// Waits for ``start()`` or ``reconnect()``.
    var owner: CheckedContinuation<Void, any Error>?
    /// The pending request that ends long polling.
    var leaving: Task<Void, Never>?

    /// - Parameters:
    ///   - network: shared by all clients of the process.
    ///   - answers: results for calls from the node, by method. For other methods the node gets an error.
    ///   - onEvent: called on the event loop, so it must not block.
    package init(
        configuration: CoreClientConfiguration, network: SignalRNetwork, answers: [String: Answer] = [:],
        onEvent: @escaping @Sendable (SignalRClientEvent) -> Void = { _ in }
    ) {
        self.configuration = configuration
        self.network = network
        self.answers = Dictionary(answers.map { ($0.key.lowercased(), $0.value) }) { first, _ in first }
        self.onEvent = onEvent
        eventLoop = network.eventLoopGroup.next()
        address = CoreAddress(node: configuration.node, accessToken: configuration.accessToken)
        inbox = CoreInbox(limit: WebSocketClientHandler.maximumMessageBytes)
        machine = CoreConnectionMachine(
            retryDelays: configuration.retryDelays.map { TimeAmount($0) },
            resumeWithin: TimeAmount(configuration.timeouts.resume))
    }

    /// The id assigned by the node; nil before that, and without negotiation.
    package var connectionID: String? { connection?.id }

    /// Whether the handshake is done and the transport is not known to be lost.
    package var isConnected: Bool { machine.phase == .connected }

    /// Whether the node keeps the connection for a while if its webSocket is lost.
    package var isStateful: Bool { resumption != nil }

    /// Whether the node agreed to that in the last negotiation. Unlike ``isStateful``, this stays while a lost connection
    /// is being replaced.
    package var wasOfferedStatefulReconnect: Bool { connection?.isStateful == true }

    var node: NodeURL { address.node }

    // MARK: - The owner

    /// Negotiates, opens the transport and performs the handshake. Makes one attempt only, like Microsoft's clients.
    ///
    /// - Throws: ``SignalRClientError``; `CancellationError`.
    package func start() async throws {
        if let contradiction = configuration.contradiction { throw SignalRClientError.misuse(contradiction) }
        try await settle(.start)
    }

    /// Closes the transport abruptly, like a failed network. The client then waits for ``reconnect()``.
    package func dropTransport() { handle(.drop) }

    /// Closes the transport abruptly, like a failed network: the client reconnects as configured.
    package func loseTransport() {
        handle(
            .transportEnded(.transportLost(node: "\(node)", reason: "cut by the owner"), epoch: machine.epoch))
    }

    /// Resumes a stateful connection; otherwise makes a new one, with another connection id.
    ///
    /// - Throws: ``SignalRClientError``; `CancellationError`.
    package func reconnect() async throws { try await settle(.reconnect) }

    /// Closes the connection and makes a new one, even if it could be resumed: a node handles the calls of a connection
    /// one after another, so that a call that never ends blocks the others.
    ///
    /// - Throws: ``SignalRClientError``; `CancellationError`.
    package func replaceConnection() async throws { try await settle(.replace) }

    /// Sends a close message and closes the connection.
    package func stop() async {
        handle(.stop)
        await leaving?.value
    }

    // MARK: - Actions of the state machine

    func handle(_ input: CoreConnectionMachine.Input) {
        for action in machine.handle(input, now: .now()) { perform(action) }
    }

    private func perform(_ action: CoreConnectionMachine.Action) {
        switch action {
        case .negotiate(let epoch): Task { await negotiate(epoch: epoch) }
        case .open(let resuming, let epoch): open(resuming: resuming, epoch: epoch)
        case .shakeHands(let epoch): shakeHands(epoch: epoch)
        case .resend: resend()
        case .sayGoodbye(let connected): sayGoodbye(connected: connected)
        case .closeTransport: closeTransport()
        case .forget(let error): forget(error)
        case .report(let state):
            if state == .connected { startBeat() }
            onEvent(.stateChanged(state))
        case .succeed: settleOwner(.success(()))
        case .fail(let error): settleOwner(.failure(error))
        case .wait(let delay, let epoch): after(delay) { $0.handle(.due(epoch: epoch)) }
        }
    }

    private func closeTransport() {
        for timer in [timer, beatTimer, ackTimer] { timer?.cancel() }
        (timer, beatTimer, ackTimer, beat) = (nil, nil, nil, nil)
        transport?.close()
        transport = nil
        outbound = []
    }

    private func forget(_ error: SignalRClientError) {
        resumption = nil
        for upload in uploads.values { upload.cancel() }
        uploads = [:]
        calls.failAll(error)
        wakeSenders()
    }

    func wakeSenders() {
        let waiting = waitingForRoom
        waitingForRoom = []
        for sender in waiting { sender.resume() }
    }

    func emit(_ event: SignalRClientEvent) { onEvent(event) }

    // MARK: - Time

    /// Replaces the current timer.
    func after(_ delay: TimeAmount, _ body: @escaping @Sendable (isolated CoreSignalRClient) -> Void) {
        timer?.cancel()
        timer = eventLoop.scheduleTask(in: delay) { self.assumeIsolated(body) }
    }

    private func startBeat() {
        timer?.cancel()
        timer = nil
        // A poll may be silent, and has its own limit.
        guard configuration.transport != .longPolling else { return }
        beat = CoreBeat(
            pingInterval: TimeAmount(configuration.timeouts.ping),
            serverTimeout: TimeAmount(configuration.timeouts.server), now: .now())
        checkBeat()
    }

    private func checkBeat() {
        guard let beat else { return }
        let next: NIODeadline
        switch beat.due(at: .now()) {
        case .dead:
            let seconds = configuration.timeouts.server.components.seconds
            return handle(
                .transportEnded(
                    .transportLost(node: "\(node)", reason: "nothing arrived for \(seconds) s, not even a ping"),
                    epoch: machine.epoch))
        case .ping:
            write(CoreOutgoing.ping.encoded(configuration.format))
            next = .now() + beat.pingInterval
        case .nothing(let until): next = until
        }
        beatTimer = eventLoop.scheduleTask(deadline: next) { self.assumeIsolated { $0.checkBeat() } }
    }
}
