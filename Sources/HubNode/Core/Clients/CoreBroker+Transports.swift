import Backplane
import DequeModule
import Logging
import NIOCore
import Prometheus

/// The transports of connections: the first one, each poll, and a webSocket that replaces a broken one.
extension CoreBroker {
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
        switch transport {
        case .longPolling: return .admitted
        // Like on a real node, the previous webSocket may still look alive here.
        case .webSockets where client.stateful != nil && !client.isOver: return .admitted
        default: return .conflict
        }
    }

    /// Attaches a transport to a connection; a poll replaces the previous one, and so does a webSocket with stateful
    /// reconnect.
    ///
    /// - Parameter token: nil for a webSocket without negotiation.
    /// - Returns: the connection's token and the number that identifies the transport; nil if the connection must not
    ///   use this transport.
    func open(token: String?, user: String, _ transport: TransportKind, line: Outlet.Line) -> CoreTransportID? {
        let now = NIODeadline.now()
        let client = token.map { clients[token: $0] } ?? makeClient(user: user)
        guard let client, case .admitted = admission(token: client.token, transport) else { return nil }
        let session = client.session
        writer.give(.end, to: session)
        let isFirst = client.transportSince == nil
        if isFirst {
            client.transportSince = now
            session.transport = transport
            metrics.connections(transport).add(1)
        }
        let id = client.attach(transport, line, at: now)
        if !isFirst, client.stateful != nil { resume(client, at: now) }
        return id
    }

    /// Sends messages that the client may not have received again, on a new webSocket.
    private func resume(_ client: CoreClient, at now: NIODeadline) {
        guard let format = client.format, let (sequence, messages) = client.stateful?.resume() else { return }
        metrics.statefulReconnects.increment()
        client.lastReceived = now
        // The rest of a partially received message will not arrive.
        client.inbox = CoreInbox(limit: settings.inboundMessageBytes)
        client.inbox.format = format
        client.dropPending()
        client.append(ByteBuffer(bytes: CoreServerMessage.sequence(sequence).encoded(format)))
        for message in messages { client.append(message) }
        pump(client)
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

    /// A transport has ended, and with it the connection, unless it uses long polling or stateful reconnect.
    ///
    /// - Parameter byClient: whether the client closed it, which ends the connection even with stateful reconnect.
    func closed(_ transport: CoreTransportID, byClient: Bool = false) {
        guard let client = client(transport) else { return }
        writer.give(.end, to: client.session)
        client.session.lastActive = .now()
        if client.session.transport == .longPolling { return }
        if client.stateful != nil, !client.isOver, !byClient {
            // Unacknowledged messages are sent again on its next webSocket.
            client.dropPending()
        } else {
            remove(client)
        }
    }

    /// The client ends its long polling.
    ///
    /// - Returns: false if it does not use long polling.
    func delete(token: String) -> Bool {
        guard let client = clients[token: token], client.session.transport == .longPolling else { return false }
        remove(client)
        return true
    }
}
