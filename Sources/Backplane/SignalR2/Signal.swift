/// The recipients of a message: its key, parsed.
///
/// Names keep their case; nodes compare groups without it. Every key round-trips: `Signal(key: k).key == k`.
///
/// Source: `Infrastructure/PrefixHelper.cs` of SignalR 2.
package enum Signal: Equatable, Sendable {
    /// `h-<Hub>`: every client of the hub.
    case hub(String)
    /// `hc-<Hub>.<connection id>`: one client of the hub.
    case client(hub: String, connectionID: String)
    /// `hg-<Hub>.<group>`.
    case group(hub: String, group: String)
    /// `hu-<Hub>.<user id>`.
    case user(hub: String, userID: String)
    /// `c-<connection id>`: commands and progress for one connection.
    case connection(String)
    /// `pc-<TypeFullName>`: every client of a persistent connection class.
    case persistentConnection(type: String)
    /// `pcg-<TypeFullName>.<group>`: a group of a persistent connection class.
    case persistentConnectionGroup(type: String, group: String)
    /// `__SIGNALR__SERVER__`: acks between nodes.
    case ack
    /// Anything else, the whole key.
    case other(String)

    static let serverKey = "__SIGNALR__SERVER__"

    /// Hub names contain no `.`, so hub keys are split at the first one: groups and users may contain more. A full type
    /// name does contain dots, which makes `pcg-` keys ambiguous; they are split at the last `.`, correct for every
    /// group name without one.
    package init(key: String) {
        self = Self.parse(key) ?? .other(key)
    }

    /// Compares bytes, like Redis and nodes.
    package static func == (first: Signal, second: Signal) -> Bool { first.key.isSameOrdinally(as: second.key) }

    /// The key that addresses this signal.
    package var key: String {
        switch self {
        case .hub(let hub): "h-\(hub)"
        case .client(let hub, let connectionID): "hc-\(hub).\(connectionID)"
        case .group(let hub, let group): "hg-\(hub).\(group)"
        case .user(let hub, let userID): "hu-\(hub).\(userID)"
        case .connection(let id): "c-\(id)"
        case .persistentConnection(let type): "pc-\(type)"
        case .persistentConnectionGroup(let type, let group): "pcg-\(type).\(group)"
        case .ack: Self.serverKey
        case .other(let key): key
        }
    }

    private static func parse(_ key: String) -> Signal? {
        if key == serverKey { return .ack }
        // Over UTF-8, not characters: a combining mark after the dash or dot must not hide it.
        guard let dash = key.utf8.firstIndex(of: UInt8(ascii: "-")) else { return nil }
        let name = key[key.utf8.index(after: dash)...]
        switch key[..<dash] {
        case "h": return .hub(String(name))
        case "hc": return split(name, at: name.utf8.firstIndex).map { .client(hub: $0, connectionID: $1) }
        case "hg": return split(name, at: name.utf8.firstIndex).map { .group(hub: $0, group: $1) }
        case "hu": return split(name, at: name.utf8.firstIndex).map { .user(hub: $0, userID: $1) }
        case "c": return .connection(String(name))
        case "pc": return .persistentConnection(type: String(name))
        case "pcg":
            return split(name, at: name.utf8.lastIndex).map { .persistentConnectionGroup(type: $0, group: $1) }
        default: return nil
        }
    }

    private static func split(_ name: Substring, at find: (UInt8) -> String.Index?) -> (String, String)? {
        guard let dot = find(UInt8(ascii: ".")) else { return nil }
        return (String(name[..<dot]), String(name[name.utf8.index(after: dot)...]))
    }
}
