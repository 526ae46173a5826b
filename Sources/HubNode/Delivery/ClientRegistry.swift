import Backplane

/// The clients of this node, and which of them listen to which signal. Written once for both generations.
///
/// Lives in the broker.
struct ClientRegistry {
    private var sessions: OrdinalNameMap<Session> = [:]
    private var index = SubscriberIndex()

    subscript(connectionID: String) -> Session? { sessions[connectionID] }

    var all: some Collection<Session> { sessions.values }

    /// Whether this very session is there; another with its id is not it.
    func contains(_ session: Session) -> Bool { sessions[session.connectionID] === session }

    /// Those who listen to a signal or are in its group; found without case.
    func subscribers(of key: SignalKey) -> some Collection<Session> { index.subscribers(of: key.folded) }

    mutating func add(_ session: Session) {
        sessions[session.connectionID] = session
        for key in session.signals { index.add(session, to: key.folded) }
    }

    /// - Returns: false if it was not there.
    mutating func remove(_ session: Session) -> Bool {
        guard contains(session) else { return false }
        sessions.removeValue(forKey: session.connectionID)
        for key in session.signals { index.remove(session, from: key.folded) }
        for key in session.groupKeys { index.remove(session, from: key) }
        return true
    }

    /// - Parameter id: of the envelope that brought it: messages before it are not for this client.
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

/// Which sessions listen to which signal, found without case.
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
