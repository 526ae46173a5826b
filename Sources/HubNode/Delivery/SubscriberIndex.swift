import Backplane

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
