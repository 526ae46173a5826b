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

    /// Minimum time between two Acks.
    private static let ackInterval: TimeAmount = .seconds(1)

    /// As given to the initializer.
    package nonisolated let configuration: CoreClientConfiguration
    nonisolated let network: SignalRNetwork
    nonisolated let eventLoop: any EventLoop
    /// Answers by the lower-case name of the method, because names are case-insensitive.
    nonisolated let answers: [String: Answer]
    private nonisolated let onEvent: @Sendable (SignalRClientEvent) -> Void

    /// The event loop of its socket.
    package nonisolated var unownedExecutor: UnownedSerialExecutor { eventLoop.executor.asUnownedSerialExecutor() }

    private var machine: CoreConnectionMachine
    private var timers: CoreTimers
    /// The pending request that ends long polling.
    private var leaving: Task<Void, Never>?
    /// Where the current connection's requests go.
    var session: CoreSession
    var transport = CoreOpenTransport()
    /// The messages of the current connection.
    var messages: CoreMessageFlow
    /// What waits for the node's answers.
    var calls = CorePendingCalls()
    static let stopInput = CoreConnectionMachine.Input.stop
    /// Waits for ``start()`` or ``reconnect()``.
    var owner: CheckedContinuation<Void, any Error>?

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
        session = CoreSession(configuration)
        messages = CoreMessageFlow(configuration.format)
        timers = CoreTimers(on: eventLoop)
        machine = CoreConnectionMachine(
            retryDelays: configuration.retryDelays.map { TimeAmount($0) },
            resumeWithin: TimeAmount(configuration.timeouts.resume))
    }

    /// The id assigned by the node; nil before that, and without negotiation.
    package var connectionID: String? { session.connectionID }

    /// Whether the handshake is done and the transport is not known to be lost.
    package var isConnected: Bool { machine.phase == .connected }

    /// Whether the node agreed to keep the connection for a while if its webSocket is lost. Holds until the next
    /// negotiation, also while the client replaces a lost connection.
    package var isStateful: Bool { session.isResumable }

    /// The number of the current attempt: events of an older one are ignored.
    var epoch: Int { machine.epoch }

    /// Whether messages can be sent, or kept until the connection's next webSocket is open.
    var takesMessages: Bool { machine.takesMessages }

    var node: NodeURL { session.node }

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
        lose("cut by the owner", epoch: epoch)
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
        case .sayGoodbye(let connected): leaving = sayGoodbye(connected: connected)
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
        timers.cancelAll()
        transport.end()?.close()
    }

    private func forget(_ error: SignalRClientError) {
        messages.forget()
        calls.failAll(error)
    }

    func lose(_ reason: String, epoch: Int) {
        handle(.transportEnded(.transportLost(node: "\(node)", reason: reason), epoch: epoch))
    }

    func emit(_ event: SignalRClientEvent) { onEvent(event) }

    // MARK: - Time

    /// Replaces the current step: opening, the handshake, or the wait for the next attempt.
    func after(_ delay: TimeAmount, _ body: @escaping @Sendable (isolated CoreSignalRClient) -> Void) {
        timers.schedule(in: delay) { self.assumeIsolated(body) }
    }

    /// A message was written to the node.
    func noteSent() { timers.sent() }

    /// Bytes have arrived from the node.
    func noteReceived() { timers.received() }

    private func startBeat() {
        timers.cancelStep()
        // A poll may be silent, and has its own limit.
        guard configuration.transport != .longPolling else { return }
        timers.start(
            CoreBeat(
                pingInterval: TimeAmount(configuration.timeouts.ping),
                serverTimeout: TimeAmount(configuration.timeouts.server), now: .now()))
        checkBeat()
    }

    private func checkBeat() {
        guard let due = timers.due else { return }
        let next: NIODeadline
        switch due {
        case .dead:
            let seconds = configuration.timeouts.server.components.seconds
            return lose("nothing arrived for \(seconds) s, not even a ping", epoch: epoch)
        case .ping:
            write(CoreOutgoing.ping.encoded(configuration.format))
            next = .now() + TimeAmount(configuration.timeouts.ping)
        case .nothing(let until): next = until
        }
        timers.scheduleCheck(at: next) { self.assumeIsolated { $0.checkBeat() } }
    }

    /// Sends an Ack soon, unless one is already scheduled.
    func acknowledgeLater() {
        timers.scheduleAcknowledgement(in: Self.ackInterval) {
            self.assumeIsolated { client in
                client.timers.acknowledged()
                if let ack = client.messages.acknowledgement { client.write(ack) }
            }
        }
    }
}
