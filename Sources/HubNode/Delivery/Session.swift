import NIOCore
import Backplane

/// One client's connection as the node knows it, across its transports: who it is, what it listens to, and what waits
/// for it. Lives in the broker.
final class Session {
    struct Membership {
        let group: GroupKey
        /// The envelope that brought it: messages before it are not for this client.
        let since: UInt64
    }

    let connectionID: String
    let user: String
    /// What every connection of its kind listens to: hubs, user, connection.
    let signals: [SignalKey]
    /// Found without case: `room` and `ROOM` are two groups under one key.
    private var groups: [CaselessName: [Membership]] = [:]
    /// Keys that lead to more than one group: a message for either then comes once for each, as on a real node.
    private var sharedKeys = 0
    var hasGroupsUnderOneKey: Bool { sharedKeys > 0 }
    var outbox: Outbox
    var outlet: Outlet?
    /// Whether something is written that is not flushed.
    var isUnflushed = false
    /// What waited when the client came back: it may be more than the limit, since it is there already.
    var resumedMessages = 0
    var resumedBytes = 0
    /// Whether the Initializing command has come: nothing goes out before.
    var isInitialized: Bool
    /// When the Initializing command was published.
    var initializingSince: NIODeadline?
    /// Whether a frame has gone out since the counter was last set back: only then do a client's cursor and the ids that
    /// wait for it speak of the same count.
    var hasCurrentCursor = true
    var isAskedToReconnect = false
    var transport: TransportKind
    /// When something last went out, or the last transport ended.
    var lastActive: NIODeadline

    init(request: SessionRequest, cursor: UInt64, now: NIODeadline) {
        connectionID = request.connectionID
        user = request.user
        signals = request.signals
        transport = request.transport
        outbox = Outbox(cursor: cursor)
        isInitialized = request.purpose != .connect
        lastActive = now
    }

    /// How often a message for this key, of the envelope with this id, goes to this client.
    func deliveries(of key: SignalKey, id: UInt64) -> Int {
        if let memberships = groups[key.folded] { return memberships.count { id > $0.since } }
        return signals.contains { $0.folded == key.folded } ? 1 : 0
    }

    /// As ``deliveries(of:id:)``, of an envelope that is newer than all that this client has joined, to one that listens.
    func deliveries(of key: SignalKey) -> Int {
        hasGroupsUnderOneKey ? max(1, groups[key.folded]?.count ?? 0) : 1
    }

    /// A real node compares exclusions by bytes, but takes a bare connection id in any case.
    func isExcluded(by keys: [SignalKey]) -> Bool {
        keys.contains { key in
            signals.contains(key) || isMember(key) || key.folded.equals(connectionID)
        }
    }

    /// Whether a command with this key is this connection's, not one's whose id differs in case.
    func obeys(_ key: SignalKey) -> Bool {
        signals.first == key
    }

    // MARK: - Groups

    func isMember(_ key: SignalKey) -> Bool {
        groups[key.folded]?.contains { $0.group.key == key } ?? false
    }

    /// - Returns: false if it was a member before.
    func join(_ group: GroupKey, since id: UInt64) -> Bool {
        guard !isMember(group.key) else { return false }
        groups[group.key.folded, default: []].append(Membership(group: group, since: id))
        if groups[group.key.folded]?.count == 2 { sharedKeys += 1 }
        return true
    }

    /// - Returns: whether it was a member, and whether the client still listens to another group under the same key.
    func leave(_ group: GroupKey) -> (wasMember: Bool, stillListens: Bool) {
        guard isMember(group.key), var memberships = groups[group.key.folded] else { return (false, true) }
        memberships.removeAll { $0.group.key == group.key }
        groups[group.key.folded] = memberships.isEmpty ? nil : memberships
        if memberships.count == 1 { sharedKeys -= 1 }
        return (true, !memberships.isEmpty)
    }

    /// The keys under which groups are found.
    var groupKeys: [CaselessName] { Array(groups.keys) }

    /// `Hub.group` of each, in a fixed order.
    var groupNames: [String] {
        groups.values.joined().map { OrdinalName($0.group.name) }.sorted().map(\.text)
    }
}
