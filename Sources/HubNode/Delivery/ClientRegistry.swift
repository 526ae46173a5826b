import Backplane

/// The clients of this node and the signals they subscribe to, for both generations.
///
/// Confined to the broker.
struct ClientRegistry {
    private var sessions: OrdinalNameMap<Session> = [:]
    private var index = SubscriberIndex()

    subscript(connectionID: String) -> Session? { sessions[connectionID] }

    var all: some Collection<Session> { sessions.values }

    /// Whether this session is registered; another session with the same id does not count.
    func contains(_ session: Session) -> Bool { sessions[session.connectionID] === session }

    /// The sessions that subscribe to a signal or are in its group; case-insensitive.
    func subscribers(of key: SignalKey) -> some Collection<Session> { index.subscribers(of: key.folded) }

    mutating func add(_ session: Session) {
        sessions[session.connectionID] = session
        for key in session.signals { index.add(session, to: key.folded) }
    }

    /// - Returns: false if it was not registered.
    mutating func remove(_ session: Session) -> Bool {
        guard contains(session) else { return false }
        sessions.removeValue(forKey: session.connectionID)
        for key in session.signals { index.remove(session, from: key.folded) }
        for key in session.groupKeys { index.remove(session, from: key) }
        return true
    }

    /// - Parameter id: of the envelope with the command: earlier messages are not for this client.
    mutating func join(_ session: Session, _ group: GroupKey, since id: UInt64) {
        guard session.join(group, since: id) else { return }
        index.add(session, to: group.key.folded)
        session.outbox.groupsChanged = true
    }

    mutating func leave(_ session: Session, _ group: GroupKey) {
        let (wasMember, stillListens) = session.leave(group)
        guard wasMember else { return }
        if !stillListens { index.remove(session, from: group.key.folded) }
        session.outbox.groupsChanged = true
    }
}

/// The sessions of each signal, case-insensitive.
struct SubscriberIndex {
    private var sessions: [CaselessName: [ObjectIdentifier: Session]] = [:]

    mutating func add(_ session: Session, to key: CaselessName) {
        sessions[key, default: [:]][ObjectIdentifier(session)] = session
    }

    mutating func remove(_ session: Session, from key: CaselessName) {
        sessions[key]?.removeValue(forKey: ObjectIdentifier(session))
        if sessions[key]?.isEmpty == true { sessions.removeValue(forKey: key) }
    }

    func subscribers(of key: CaselessName) -> some Collection<Session> {
        (sessions[key] ?? [:]).values
    }
}
