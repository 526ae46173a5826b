/// Why a ``ReplicationTap`` ends; what it watched must be subscribed to instead, or the operator must decide.
package enum TapError: Error, Sendable, Equatable {
    /// It must not attach to this server.
    case refused(endpoint: String, [TapRefusal])
    /// A full sync may be needed, and the server's memory is above ``TapLimits/fullSyncBytes`` or unknown (nil).
    case consentNeeded(endpoint: String, bytes: Int64?, limit: Int64)
    /// A full sync is needed, and the last one was less than ``TapLimits/fullSyncInterval`` ago.
    case tooSoon(endpoint: String, secondsLeft: Int)
    /// The server does not know PSYNC or REPLCONF, or refuses them, like a managed service or a proxy; with its reply.
    case notOffered(endpoint: String, command: String, reply: String)
    /// The answers do not follow the protocol: the tap would receive nothing, or the wrong data.
    case unexpected(endpoint: String, String)

    /// True if the same attempt may succeed later without any change by the operator.
    package var isTransient: Bool {
        switch self {
        case .tooSoon: true
        case .refused, .consentNeeded, .notOffered, .unexpected: false
        }
    }

    /// True if only a replica is missing: the same attempt may succeed once there is one.
    package var awaitsReplica: Bool { if case .refused(_, [.masterOfSeveral]) = self { true } else { false } }
}

/// A reason not to attach a tap to a server.
package enum TapRefusal: Sendable, Equatable, Hashable {
    /// In cluster mode the stream has no PUBLISH. Cannot be overridden.
    case cluster
    /// The full sync would write the server's RDB file: without `repl-diskless-sync yes`, before Redis 7.
    case writesFile
    /// The master counts the tap among the replicas that `min-replicas-to-write` requires.
    ///
    /// - Parameter count: its value; nil if it is above 0 and CONFIG is refused.
    case minReplicas(_ count: Int?)
    /// A master counts the tap as a replica; the address names several servers, so a replica can be tapped instead.
    case masterOfSeveral

    /// Whether ``TapLimits/isForced`` overrides it.
    package var isOverridable: Bool { self != .cluster }
}

extension TapRefusal: CustomStringConvertible {
    package var description: String {
        switch self {
        case .cluster: "it runs in cluster mode, where the replication stream contains no PUBLISH"
        case .writesFile:
            "it has no backlog yet, and without 'repl-diskless-sync yes' the first replica makes it write its RDB file"
        case .masterOfSeveral:
            "it is a master, which counts the tap as one of its replicas, and no replica with a link to it was found, or replicas are not wanted"
        case .minReplicas(let count):
            "it is a master with 'min-replicas-to-write\(count.map { " \($0)'" } ?? "' above 0"), and would count the tap as a replica that has the data"
        }
    }
}

extension TapError: CustomStringConvertible {
    package var description: String {
        switch self {
        case .refused(let endpoint, let reasons):
            "the replication stream of Redis at \(endpoint) must not be tapped: "
                + reasons.map(\.description).joined(separator: "; ")
                + (reasons.contains { !$0.isOverridable } ? "" : "; name one of its replicas, or override this")
        case .consentNeeded(let endpoint, let bytes, let limit):
            bytes.map {
                "tapping the replication stream of Redis at \(endpoint) needs a full sync, for which it forks with \($0 >> 20) MiB of memory, more than the \(limit >> 20) MiB that are allowed; allow it, or name one of its replicas"
            }
                ?? "tapping the replication stream of Redis at \(endpoint) may need a full sync, for which Redis forks with an unknown amount of memory, because INFO does not report it; permit INFO, or allow any amount"
        case .tooSoon(let endpoint, let seconds):
            "tapping the replication stream of Redis at \(endpoint) needs another full sync, which is not allowed for another \(seconds) s"
        case .notOffered(let endpoint, let command, let reply):
            "Redis at \(endpoint) does not offer its replication stream: it answers \(command) with '\(reply)'; managed services often refuse it"
        case .unexpected(let endpoint, let what):
            "the replication stream of Redis at \(endpoint) cannot be read: \(what)"
        }
    }
}
