import Backplane
import DequeModule
import Logging
import NIOCore
import Prometheus

/// The transports of connections: the first one, each poll, and the webSocket that takes the place of a broken one.
extension CoreBroker {
    enum Admission {
        case admitted
        case notFound
        /// The connection has a transport already.
        case conflict
        /// It has one of another kind.
        case otherTransport
    }

    /// Whether a connection may be given this transport.
    func admission(token: String, _ transport: TransportKind) -> Admission {
        guard let client = clients[token: token] else { return .notFound }
        guard client.transportSince != nil else { return .admitted }
        guard client.session.transport == transport else { return .otherTransport }
        switch transport {
        case .longPolling: return .admitted
        // As at a real node, the webSocket before may still look alive here.
        case .webSockets where client.stateful != nil && !client.isOver: return .admitted
        default: return .conflict
        }
    }

    /// Gives a connection a transport; a poll takes the place of the one before, and so does a webSocket with stateful
    /// reconnect.
    ///
    /// - Parameter token: nil for a webSocket without negotiation.
    /// - Returns: the connection's token and the number by which the transport speaks of itself; nil if it may not have it.
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
        outletCount += 1
        let id = CoreTransportID(token: client.token, outlet: outletCount)
        session.outlet = Outlet(number: outletCount, transport: transport, openedAt: now, line: line)
        session.lastActive = now
        if !isFirst, client.stateful != nil { resume(client, at: now) }
        return id
    }

    /// Sends again, on a new webSocket, what the client may not have.
    private func resume(_ client: CoreClient, at now: NIODeadline) {
        guard let format = client.format, let (sequence, messages) = client.stateful?.resume() else { return }
        metrics.statefulReconnects.increment()
        client.lastReceived = now
        // Of a message that came in part, the rest will not come.
        client.inbox = CoreInbox(limit: settings.inboundMessageBytes)
        client.inbox.format = format
        client.session.outbox = Outbox(cursor: messageCount)
        append(ByteBuffer(bytes: CoreServerMessage.sequence(sequence).encoded(format)), to: client)
        for message in messages { append(message, to: client) }
        pump(client)
    }

    /// Waits for what a stream or a poll has to write next.
    func nextDelivery(_ transport: CoreTransportID) async -> Outlet.Delivery {
        await withCheckedContinuation { continuation in
            guard let client = client(transport) else { return continuation.resume(returning: .end) }
            client.session.outlet?.line = .pull(waiting: continuation)
            if client.session.transport == .longPolling, !client.hasPolled {
                // As a real node: the first poll is answered at once, and tells the client that it is connected.
                client.hasPolled = true
                return writer.sendNothing(to: client.session)
            }
            pump(client)
        }
    }

    /// A webSocket can take more.
    func becameWritable(_ transport: CoreTransportID) {
        if let client = client(transport) { pump(client) }
    }

    /// A transport has ended, and with it the connection, unless it polls or has stateful reconnect.
    ///
    /// - Parameter byClient: whether the client closed it, which ends the connection also with stateful reconnect.
    func closed(_ transport: CoreTransportID, byClient: Bool = false) {
        guard let client = client(transport) else { return }
        writer.give(.end, to: client.session)
        client.session.lastActive = .now()
        if client.session.transport == .longPolling { return }
        if client.stateful != nil, !client.isOver, !byClient {
            // What it has not acknowledged is sent again on its next webSocket.
            client.session.outbox = Outbox(cursor: messageCount)
        } else {
            remove(client)
        }
    }

    /// The client ends its polls.
    ///
    /// - Returns: false if it does not poll.
    func delete(token: String) -> Bool {
        guard let client = clients[token: token], client.session.transport == .longPolling else { return false }
        remove(client)
        return true
    }
}
