/// Which sessions listen to which folded key.
struct SubscriberIndex {
    private var sessions: [String: [ObjectIdentifier: Session]] = [:]

    mutating func add(_ session: Session, to key: String) {
        sessions[key, default: [:]][ObjectIdentifier(session)] = session
    }

    mutating func remove(_ session: Session, from key: String) {
        sessions[key]?.removeValue(forKey: ObjectIdentifier(session))
        if sessions[key]?.isEmpty == true { sessions.removeValue(forKey: key) }
    }

    func subscribers(of key: String) -> some Collection<Session> {
        (sessions[key] ?? [:]).values
    }
}
