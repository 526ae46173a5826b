import Logging
import NIOCore
import Prometheus

/// The transports of this node's clients of SignalR 2: opening, resuming, and what they are waiting for.
extension MessageBroker {
    /// Attaches a transport to a client; its previous one ends.
    ///
    /// - Returns: the number that identifies the transport.
    func open(_ request: SessionRequest, line: Outlet.Line) -> UInt64 {
        let session: Session
        if let existing = clients[request.connectionID] {
            session = existing
            writer.give(.end, to: session)
            metrics.connections(session.transport).add(-1)
            session.transport = request.transport
            switch request.purpose {
            case .connect:
                session.isInitialized = false
            case .resume:
                session.isInitialized = true
                rewind(session, to: request.cursor)
            }
        } else {
            session = makeSession(request)
        }
        metrics.connections(session.transport).add(1)
        outletCount += 1
        session.outlet = Outlet(number: outletCount, transport: request.transport, openedAt: .now(), line: line)
        session.lastActive = .now()
        if isDraining { session.askToReconnect() }
        if request.purpose == .connect { initialize(session) }
        writer.pump(session)
        return outletCount
    }

    private func makeSession(_ request: SessionRequest) -> Session {
        let session = Session(
            request: request, cursor: min(request.cursor ?? .max, newestID ?? request.cursor ?? 0), now: .now())
        clients.add(session)
        for group in request.groups { clients.join(session, GroupKey(named: group), since: 0) }
        // The client has them: it sent the token.
        session.outbox.groupsChanged = false
        if request.purpose == .resume, let cursor = request.cursor {
            account(for: cursor)
            for envelope in store.envelopes(after: cursor) { catchUp(session, with: envelope) }
            session.resumedMessages = session.outbox.count
            session.resumedBytes = session.outbox.byteCount
        }
        return session
    }

    private func catchUp(_ session: Session, with envelope: StoredEnvelope) {
        for message in envelope.messages {
            for _ in 0..<session.deliveries(of: message.key, id: envelope.id) {
                if let command = message.command {
                    if session.isTarget(of: message.key) { execute(command, for: session, id: envelope.id) }
                } else {
                    session.append(message, id: envelope.id)
                }
            }
        }
    }

    /// Restores messages to the outbox that were sent but, according to the client's cursor, have not arrived.
    private func rewind(_ session: Session, to cursor: UInt64?) {
        guard let cursor, session.hasCurrentCursor, cursor <= newestID ?? 0 else { return }
        // Lost messages may be gone from the store; unsent ones are in the outbox.
        if cursor < session.outbox.cursor { account(for: cursor) }
        session.rewind(to: cursor, through: store.envelopes(after: cursor, through: session.outbox.cursor))
    }

    private func account(for cursor: UInt64) {
        guard resumes.add(cursor, oldestStored: store.oldestID) else { return }
        publisher.assumeIsolated { $0.askForCounter() }
    }

    /// Proves that the client can be reached through the backplane before it is connected.
    private func initialize(_ session: Session) {
        session.initializingSince = .now()
        Task {
            do {
                try await publisher.initialize(connectionID: session.connectionID)
            } catch {
                logger.warning("cannot initialize a connection", metadata: ["cause": "\(error)"])
                remove(session)
            }
        }
    }

    /// Waits for the next item of a stream or a poll.
    func nextDelivery(connectionID: String, outlet number: UInt64) async -> Outlet.Delivery {
        await withCheckedContinuation { continuation in
            guard let session = clients[connectionID], session.outlet?.number == number else {
                continuation.resume(returning: .end)
                return
            }
            session.outlet?.line = .pull(waiting: continuation)
            writer.pump(session)
        }
    }

    /// A webSocket can accept more.
    func becameWritable(connectionID: String) {
        if let session = clients[connectionID] { writer.pump(session) }
    }

    /// A transport has ended. Its client has some time to reconnect.
    func closed(connectionID: String, outlet number: UInt64) {
        guard let session = clients[connectionID], session.outlet?.number == number else { return }
        writer.give(.end, to: session)
        session.lastActive = .now()
    }
}
