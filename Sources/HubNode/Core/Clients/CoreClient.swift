import Backplane
import DequeModule
import NIOCore

/// The connection of one ASP.NET Core SignalR client: the state of its protocol, in addition to that of every
/// connection (``Session``). Confined to the broker.
final class CoreClient {
    enum Phase {
        /// Negotiated, or waiting for the handshake.
        case new
        /// The handshake is complete; its subscriptions on the backplane are pending.
        case connecting
        case connected
        /// Pending messages are still sent, then its transport ends.
        case over
    }

    // A broadcast reads these of every client: they are together, in one cache line.
    let session: Session
    var phase = Phase.new
    /// Nil before the handshake.
    var format: CoreFormat?
    /// Whether ``stateful`` is set.
    private(set) var isStateful = false
    /// The secret that identifies the connection in requests.
    let token: String
    var inbox: CoreInbox
    /// Names of its groups; within a connection they are case-insensitive, as on a real node.
    var groups: Set<CaselessName> = []
    /// The names by which it is registered.
    var groupNames: Set<OrdinalName> = []

    /// Calls queued behind the running one.
    var calls: Deque<CoreClientMessage.Invocation> = []
    var isCalling = false
    /// Calls from other nodes waiting for this client's results: the response channel, without the prefix, by call id.
    var replies: [String: String] = [:]
    /// Bytes of the pending calls and items.
    var pendingBytes = 0
    /// Streams to the client, by call id.
    var streams: OrdinalNameMap<Task<Void, Never>> = [:]
    /// Streams from the client, by id.
    var uploads: OrdinalNameMap<HubItemQueue> = [:]
    /// Tasks that wait until the client has accepted its pending messages.
    var writers: [CheckedContinuation<Void, Never>] = []
    /// Requests that wait until the client's calls were processed.
    var readers: [CheckedContinuation<Void, Never>] = []

    let createdAt: NIODeadline
    /// When the connection got its first transport; nil before that.
    var transportSince: NIODeadline?
    /// Whether long polling has had its first response, which is immediate.
    var hasPolled = false
    var overSince: NIODeadline?
    /// Whether the negotiation offered stateful reconnect.
    let offersStatefulReconnect: Bool
    /// Nil for a client without stateful reconnect: its connection ends with its webSocket.
    var stateful: StatefulReconnect? { didSet { isStateful = stateful != nil } }
    var lastReceived: NIODeadline
    /// A client that never sends a ping is never considered gone.
    var hasPinged = false
    /// Number of its transports so far.
    private var outletCount: UInt64 = 0
    /// Number of messages that were pending for it so far.
    private var messageCount: UInt64 = 0

    init(
        session: Session, token: String, offersStatefulReconnect: Bool = false, limit: Int, now: NIODeadline
    ) {
        self.session = session
        self.token = token
        self.offersStatefulReconnect = offersStatefulReconnect
        inbox = CoreInbox(limit: limit)
        createdAt = now
        lastReceived = now
    }

    var id: String { session.connectionID }
    var isOver: Bool { if case .over = phase { true } else { false } }
    var isConnected: Bool { if case .connected = phase { true } else { false } }
    var isNew: Bool { if case .new = phase { true } else { false } }

    // MARK: - Transports

    /// Replaces the transport.
    func attach(_ transport: TransportKind, _ line: Outlet.Line, at now: NIODeadline) -> CoreTransportID {
        outletCount += 1
        session.outlet = Outlet(number: outletCount, transport: transport, openedAt: now, line: line)
        session.lastActive = now
        return CoreTransportID(token: token, outlet: outletCount)
    }

    func has(_ transport: CoreTransportID) -> Bool {
        transport.token == token && session.outlet?.number == transport.outlet
    }

    // MARK: - Pending messages

    /// Adds to the messages that its transport has not accepted yet. With stateful reconnect and without a webSocket
    /// none is added: counted messages are sent again on the next one.
    func append(_ message: ByteBuffer) {
        guard stateful == nil || session.outlet != nil else { return }
        // These messages are not part of an envelope: each may be sent in its own frame.
        messageCount += 1
        session.outbox.append(id: messageCount, value: message)
    }

    /// Drops the messages that its last transport has not accepted.
    func dropPending() { session.outbox = Outbox(cursor: messageCount) }

    /// Whether too many messages or bytes are pending for the client.
    func isBeyond(_ limits: HubNodeLimits) -> Bool {
        guard let pending = stateful?.pending else { return session.isBeyond(limits) }
        // Not added up: messages that the webSocket has not accepted also wait for acks.
        return pending.messages > limits.outboundMessages || pending.bytes > limits.outboundBytes
            || session.isBeyond(limits)
    }

    /// Whether more is pending than a transport accepts at once.
    func isBehind(_ limit: Int) -> Bool { stateful?.isFull == true || session.outbox.byteCount > limit }

    /// With stateful reconnect, keeps a message until it is acknowledged.
    ///
    /// - Returns: false if the message must wait.
    func keeps(_ message: ByteBuffer) -> Bool {
        guard stateful != nil else { return true }
        guard stateful?.hasRoom == true else { return false }
        return stateful?.send(message) == true
    }

    /// Whether more of the client's calls and items are pending than allowed.
    func isFull(_ limit: Int) -> Bool { pendingBytes > limit }

    func wakeWriters() {
        let waiting = writers
        writers = []
        for writer in waiting { writer.resume() }
    }

    func wakeReaders() {
        let waiting = readers
        readers = []
        for reader in waiting { reader.resume() }
    }

    // MARK: - Time

    /// Actions that become due.
    enum Due: Equatable {
        case removal
        case handshakeFailure
        case timeout
        case emptyPoll
        case ping
    }

    func due(at now: NIODeadline, _ timing: CoreHubTiming) -> Due? {
        if let overSince { return now - overSince >= TimeAmount(timing.closing) ? .removal : nil }
        guard let transportSince else { return now - createdAt >= TimeAmount(timing.disconnect) ? .removal : nil }
        if isNew, now - transportSince >= TimeAmount(timing.handshake) { return .handshakeFailure }
        guard let outlet = session.outlet else {
            return now - session.lastActive >= TimeAmount(timing.disconnect) ? .removal : nil
        }
        if hasPinged, now - lastReceived >= TimeAmount(timing.clientTimeout) { return .timeout }
        guard outlet.isReady else { return nil }
        if outlet.transport == .longPolling, now - outlet.openedAt >= TimeAmount(timing.longPoll) { return .emptyPoll }
        return isConnected && now - session.lastActive >= TimeAmount(timing.keepAlive) ? .ping : nil
    }
}

/// One transport of a connection.
struct CoreTransportID: Sendable {
    /// The connection's token.
    let token: String
    /// The transport's number within the connection.
    let outlet: UInt64
}
