package import Backplane
package import Redis

/// What the Redis user of a relay must be allowed, as a command for redis-cli or a line for a file of ACLs.
package struct RelayAccess: Sendable {
    private static let commands =
        "-@all +subscribe +psubscribe +unsubscribe +punsubscribe +ping +info +role +pubsub|numsub +pubsub|channels +client|setname +client|id +client|list +config|get +time +acl|whoami"
    /// For the counters of event keys.
    private static let counterCommands = " +get +select"

    private let hubs: [CoreHub]
    private let includesConnections: Bool
    private let channels: [String]
    private let hasReadOnlyKeys: Bool

    /// - Parameters:
    ///   - channels: event keys of SignalR 2.
    ///   - server: nil where it does not tell what it is.
    package init(hubs: [CoreHub], includesConnections: Bool, channels: [String], server: RedisServerInfo?) {
        self.hubs = hubs
        self.includesConnections = includesConnections
        self.channels = channels
        // Since Redis 7; all of Valkey has them.
        let major = server.flatMap { $0.version.split(separator: ".").first }.flatMap { Int($0) }
        hasReadOnlyKeys = server?.product == "Valkey" || major ?? 7 >= 7
    }

    /// A user of its own, whose password is to be put in.
    package var command: String {
        let names = channels.map { String(decoding: RedisGlob.escaped($0.utf8), as: UTF8.self) }
        let keys = names.map { (hasReadOnlyKeys ? "%R~" : "~") + $0 }
        let rules =
            keys + names.map { "&" + $0 }
            + hubs.map { CoreWatch($0, connections: includesConnections).aclRules }
        return
            "ACL SETUSER relay on >SECRET resetkeys resetchannels \(rules.joined(separator: " ")) \(Self.commands)\(channels.isEmpty ? "" : Self.counterCommands)"
    }
}
