import Backplane

/// The key of a signal, compared in two ways like on a real node: subscriptions are distinguished byte by byte,
/// recipients are found ignoring case.
struct SignalKey: Hashable, Sendable, ExpressibleByStringLiteral {
    let text: String
    let folded: CaselessName

    init(_ text: String) {
        self.text = text
        folded = CaselessName(text)
    }

    init(stringLiteral text: String) {
        self.init(text)
    }

    static func == (first: SignalKey, second: SignalKey) -> Bool {
        first.text.isSameOrdinally(as: second.text)
    }

    func hash(into hasher: inout Hasher) {
        hasher.combine(folded)
    }
}

/// The key of a hub's group, `hg-Hub.group`.
struct GroupKey {
    /// As in the groups token: `Hub.group`.
    let name: String
    let key: SignalKey

    private static let prefix = "hg-"

    /// - Returns: nil if it is not a hub's group, such as a persistent connection's.
    init?(_ key: String?) {
        guard let key, case .group = Signal(key: key) else { return nil }
        self.init(named: String(decoding: key.utf8.dropFirst(Self.prefix.utf8.count), as: UTF8.self))
    }

    init(named name: String) {
        self.name = name
        key = SignalKey(Self.prefix + name)
    }
}
