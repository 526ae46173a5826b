import Backplane

/// The key of a hub's group, `hg-Hub.group`.
struct GroupKey {
    /// As it stands in the groups token: `Hub.group`.
    let name: String
    let key: SignalKey

    private static let prefix = "hg-"

    /// - Returns: nil for what is no hub's group, such as a persistent connection's.
    init?(_ key: String?) {
        guard let key, case .group = Signal(key: key) else { return nil }
        self.init(named: String(decoding: key.utf8.dropFirst(Self.prefix.utf8.count), as: UTF8.self))
    }

    init(named name: String) {
        self.name = name
        key = SignalKey(Self.prefix + name)
    }
}
