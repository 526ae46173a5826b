import Backplane
import NIOCore

/// The state of one client's connection, across its transports: identity, subscriptions, and pending messages. Confined
/// to the broker.
final class Session {
    struct Membership {
        let group: GroupKey
        /// The envelope with the command: earlier messages are not for this client.
        let since: UInt64
    }

    let connectionID: String
    let user: String
    /// Its codec; clients of ASP.NET Core SignalR choose it in their handshake.
    var codec: any ClientCodec
    /// The subscriptions of every connection of its kind: hubs, user, connection.
    let signals: [SignalKey]
    /// Case-insensitive: `room` and `ROOM` are two groups under one key.
    private var groups: [CaselessName: [Membership]] = [:]
    /// Keys shared by several groups: a message for one of them is then delivered once for each, as on a real node.
    private var sharedKeys = 0
    var hasGroupsUnderOneKey: Bool { sharedKeys > 0 }
    var outbox: Outbox
    var outlet: Outlet?
    /// Whether data was written but not flushed.
    var isUnflushed = false
    /// Messages pending at the reconnect: they may exceed the limit, because they exist already.
    var resumedMessages = 0
    var resumedBytes = 0
    /// Whether the Initializing command has arrived: nothing is sent before.
    var isInitialized: Bool
    /// When the Initializing command was published.
    var initializingSince: NIODeadline?
    /// Whether a frame was sent since the last counter reset: only then do the client's cursor and the pending ids
    /// refer to the same count.
    var hasCurrentCursor = true
    var isAskedToReconnect = false
    var transport: TransportKind
    /// When something was last sent, or the last transport ended.
    var lastActive: NIODeadline

    /// - Parameters:
    ///   - signals: its initial subscriptions.
    ///   - isInitialized: false if nothing may be sent yet.
    init(
        connectionID: String, user: String, signals: [SignalKey] = [], transport: TransportKind,
        codec: any ClientCodec, cursor: UInt64 = 0, isInitialized: Bool = true, now: NIODeadline
    ) {
        self.codec = codec
        self.connectionID = connectionID
        self.user = user
        self.signals = signals
        self.transport = transport
        outbox = Outbox(cursor: cursor)
        self.isInitialized = isInitialized
        lastActive = now
    }

    /// How often a message for this key, of the envelope with this id, goes to this client.
    func deliveries(of key: SignalKey, id: UInt64) -> Int {
        if let memberships = groups[key.folded] { return memberships.count { id > $0.since } }
        return signals.contains { $0.folded == key.folded } ? 1 : 0
    }

    /// Like ``deliveries(of:id:)``, for an envelope newer than all of this client's memberships.
    func deliveries(of key: SignalKey) -> Int {
        hasGroupsUnderOneKey ? max(1, groups[key.folded]?.count ?? 0) : 1
    }

    /// A real node compares exclusions by bytes, but accepts a bare connection id in any case.
    func isExcluded(by keys: [SignalKey]) -> Bool {
        keys.contains { key in
            signals.contains(key) || isMember(key) || key.folded.equals(connectionID)
        }
    }

    /// Whether a command with this key is for this connection, not for one whose id differs in case.
    func isTarget(of key: SignalKey) -> Bool {
        signals.first == key
    }

    // MARK: - Pending messages

    func append(_ message: StoredEnvelope.Message, id: UInt64) {
        outbox.append(id: id, value: isExcluded(by: message.excluded) ? nil : message.value)
    }

    /// Whether too much is pending; messages pending at the reconnect do not count.
    func isBeyond(_ limits: HubNodeLimits) -> Bool {
        outbox.count > limits.outboundMessages + resumedMessages
            || outbox.byteCount > limits.outboundBytes + resumedBytes
    }

    /// Restores messages that were sent but have not arrived.
    ///
    /// - Parameters:
    ///   - cursor: the client's cursor.
    ///   - envelopes: the following ones, up to the last one sent.
    func rewind(to cursor: UInt64, through envelopes: some Sequence<StoredEnvelope>) {
        var missed = Outbox(cursor: cursor)
        for envelope in envelopes {
            for message in envelope.messages {
                let deliveries = deliveries(of: message.key, id: envelope.id)
                guard deliveries > 0 else { continue }
                switch message.command?.type {
                case .initializing: missed.initialized = true
                case .addToGroup, .removeFromGroup: missed.groupsChanged = true
                case .abort, nil: break
                }
                let isForClient = message.command == nil && !isExcluded(by: message.excluded)
                for _ in 0..<deliveries { missed.append(id: envelope.id, value: isForClient ? message.value : nil) }
            }
        }
        outbox.rewind(to: cursor, missed: missed)
    }

    /// Once: a client that keeps polling here would otherwise get nothing else.
    func askToReconnect() {
        if !isAskedToReconnect { outbox.reconnect = true }
        isAskedToReconnect = true
    }

    /// Actions that become due.
    enum Due: Equatable {
        /// It has been without a transport for too long.
        case removal
        /// A poll without messages is answered anyway.
        case emptyPoll
        case keepAlive
    }

    func due(at now: NIODeadline, _ timing: HubNodeTiming) -> Due? {
        guard let outlet else { return now - lastActive >= TimeAmount(timing.disconnect) ? .removal : nil }
        guard outlet.isReady else { return nil }
        if outlet.transport == .longPolling, now - outlet.openedAt >= TimeAmount(timing.longPoll) { return .emptyPoll }
        return now - lastActive >= TimeAmount(timing.keepAlive) ? .keepAlive : nil
    }

    // MARK: - Groups

    func isMember(_ key: SignalKey) -> Bool {
        groups[key.folded]?.contains { $0.group.key == key } ?? false
    }

    /// - Returns: false if it was already a member.
    func join(_ group: GroupKey, since id: UInt64) -> Bool {
        guard !isMember(group.key) else { return false }
        groups[group.key.folded, default: []].append(Membership(group: group, since: id))
        if groups[group.key.folded]?.count == 2 { sharedKeys += 1 }
        return true
    }

    /// - Returns: whether it was a member, and whether the client still has another group under the same key.
    func leave(_ group: GroupKey) -> (wasMember: Bool, stillListens: Bool) {
        guard isMember(group.key), var memberships = groups[group.key.folded] else { return (false, true) }
        memberships.removeAll { $0.group.key == group.key }
        groups[group.key.folded] = memberships.isEmpty ? nil : memberships
        if memberships.count == 1 { sharedKeys -= 1 }
        return (true, !memberships.isEmpty)
    }

    /// The keys of its groups.
    var groupKeys: [CaselessName] { Array(groups.keys) }

    /// `Hub.group` of each, in a fixed order.
    var groupNames: [String] {
        groups.values.joined().map { OrdinalName($0.group.name) }.sorted().map(\.text)
    }
}

/// A client's request for a transport, with validated tokens.
struct SessionRequest: Sendable {
    enum Purpose: Sendable {
        /// A new connection, to be confirmed by an Initializing command.
        case connect
        /// An existing connection, from here or another node; also each further long poll.
        case resume
    }

    let purpose: Purpose
    let connectionID: String
    let user: String
    /// Names as registered.
    let hubs: [String]
    let transport: TransportKind
    /// The last envelope that the client has; nil if it wants only new ones.
    let cursor: UInt64?
    /// From the groups token: `Hub.group` each.
    let groups: [String]

    /// The signals of the connection, without groups.
    var signals: [SignalKey] {
        var signals: [Signal] = [.connection(connectionID)]
        for hub in hubs {
            signals.append(.hub(hub))
            signals.append(.client(hub: hub, connectionID: connectionID))
            if !user.isEmpty { signals.append(.user(hub: hub, userID: user)) }
        }
        return signals.map { SignalKey($0.key) }
    }
}
