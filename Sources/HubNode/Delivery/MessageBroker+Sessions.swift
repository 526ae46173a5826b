import Logging
import NIOCore
import Prometheus
import Backplane

/// The clients of this node: their transports, and what commands of this or another node change for them.
extension MessageBroker {
    // MARK: - Transports

    /// Gives a client a transport; one that it had ends.
    ///
    /// - Returns: the number by which the transport speaks of itself.
    func open(_ request: SessionRequest, line: Outlet.Line) -> UInt64 {
        let session: Session
        if let existing = sessions[request.connectionID] {
            session = existing
            give(.end, to: session)
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
        if isDraining { askToReconnect(session) }
        if request.purpose == .connect { initialize(session) }
        pump(session)
        return outletCount
    }

    private func makeSession(_ request: SessionRequest) -> Session {
        let session = Session(
            request: request, cursor: min(request.cursor ?? .max, newestID ?? request.cursor ?? 0), now: .now())
        sessions[session.connectionID] = session
        for key in session.signals { index.add(session, to: key.folded) }
        for group in request.groups { join(session, GroupKey(named: group), since: 0) }
        // The client knows them: it brought the token.
        session.outbox.groupsChanged = false
        if request.purpose == .resume, let cursor = request.cursor {
            judge(cursor)
            for envelope in store.envelopes(after: cursor) {
                for message in envelope.messages {
                    for _ in 0..<session.deliveries(of: message.key, id: envelope.id) {
                        if let command = message.command {
                            if session.obeys(message.key) { execute(command, for: session, id: envelope.id) }
                        } else {
                            append(message, id: envelope.id, to: session)
                        }
                    }
                }
            }
            session.resumedMessages = session.outbox.count
            session.resumedBytes = session.outbox.byteCount
        }
        return session
    }

    /// Puts back into the outbox what has gone out but, as the client's cursor tells, has not arrived.
    private func rewind(_ session: Session, to cursor: UInt64?) {
        guard let cursor, session.hasCurrentCursor, cursor <= newestID ?? 0 else { return }
        // What went out and was lost may be gone from the store; what did not go out is in the outbox.
        if cursor < session.outbox.cursor { judge(cursor) }
        var missed = Outbox(cursor: cursor)
        for envelope in store.envelopes(after: cursor, through: session.outbox.cursor) {
            for message in envelope.messages {
                let deliveries = session.deliveries(of: message.key, id: envelope.id)
                guard deliveries > 0 else { continue }
                switch message.command?.type {
                case .initializing: missed.initialized = true
                case .addToGroup, .removeFromGroup: missed.groupsChanged = true
                case .abort, nil: break
                }
                let isForClient = message.command == nil && !session.isExcluded(by: message.excluded)
                for _ in 0..<deliveries { missed.append(id: envelope.id, value: isForClient ? message.value : nil) }
            }
        }
        session.outbox.rewind(to: cursor, missed: missed)
    }

    /// Proves that the client is reached through the backplane before it hears that it is connected.
    private func initialize(_ session: Session) {
        session.initializingSince = .now()
        let message = Message(
            Command(waitForAck: false, id: GUID.random(), type: .initializing), to: session.connectionID)
        Task {
            do {
                try await publish(message)
            } catch {
                logger.warning("cannot initialize a connection", metadata: ["cause": "\(error)"])
                remove(session)
            }
        }
    }

    /// Waits for what a stream or a poll has to write next.
    func nextDelivery(connectionID: String, outlet number: UInt64) async -> Outlet.Delivery {
        await withCheckedContinuation { continuation in
            guard let session = sessions[connectionID], session.outlet?.number == number else {
                continuation.resume(returning: .end)
                return
            }
            session.outlet?.line = .pull(waiting: continuation)
            pump(session)
        }
    }

    /// A webSocket can take more.
    func becameWritable(connectionID: String) {
        if let session = sessions[connectionID] { pump(session) }
    }

    /// A transport has ended. Its client has some time to come back with another.
    func closed(connectionID: String, outlet number: UInt64) {
        guard let session = sessions[connectionID], session.outlet?.number == number else { return }
        give(.end, to: session)
        session.lastActive = .now()
    }

    func remove(_ session: Session) {
        give(.end, to: session)
        guard sessions[session.connectionID] === session else { return }
        sessions.removeValue(forKey: session.connectionID)
        metrics.connections(session.transport).add(-1)
        for key in session.signals { index.remove(session, from: key.folded) }
        for key in session.groupKeys { index.remove(session, from: key) }
    }

    // MARK: - Commands

    func execute(_ command: Command, for session: Session, id: UInt64) {
        session.outbox.append(id: id, value: nil)
        switch command.type {
        case .initializing:
            session.isInitialized = true
            session.outbox.initialized = true
            if let since = session.initializingSince {
                metrics.initializingSeconds.observe((NIODeadline.now() - since).seconds)
                session.initializingSince = nil
            }
        case .addToGroup:
            if let group = GroupKey(command.value) { join(session, group, since: id) }
        case .removeFromGroup:
            if let group = GroupKey(command.value) { leave(session, group) }
        case .abort:
            remove(session)
        }
        if command.waitForAck {
            publishLater(
                Message(
                    source: session.connectionID, key: Signal.ack.key, value: [], commandID: command.id, isAck: true))
        }
    }

    private func join(_ session: Session, _ group: GroupKey, since id: UInt64) {
        guard session.join(group, since: id) else { return }
        index.add(session, to: group.key.folded)
        session.outbox.groupsChanged = true
    }

    private func leave(_ session: Session, _ group: GroupKey) {
        let (wasMember, stillListens) = session.leave(group)
        guard wasMember else { return }
        if !stillListens { index.remove(session, from: group.key.folded) }
        session.outbox.groupsChanged = true
    }
}

extension TimeAmount {
    fileprivate var seconds: Double { Double(nanoseconds) * 1e-9 }
}
