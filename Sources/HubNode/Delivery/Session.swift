import Backplane
import NIOCore

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
    /// How it is written to; clients of ASP.NET Core SignalR say so in their handshake.
    var codec: any ClientCodec
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

    /// - Parameters:
    ///   - signals: what it listens to from the first.
    ///   - isInitialized: false if nothing may go out yet.
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

    convenience init(
        request: SessionRequest, codec: any ClientCodec = SignalR2Codec(), cursor: UInt64, now: NIODeadline
    ) {
        self.init(
            connectionID: request.connectionID, user: request.user, signals: request.signals,
            transport: request.transport, codec: codec, cursor: cursor, isInitialized: request.purpose != .connect,
            now: now)
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

    // MARK: - What waits

    func append(_ message: StoredEnvelope.Message, id: UInt64) {
        outbox.append(id: id, value: isExcluded(by: message.excluded) ? nil : message.value)
    }

    /// Whether more waits than may; what waited when the client came back does not count.
    func isBeyond(_ limits: HubNodeLimits) -> Bool {
        outbox.count > limits.outboundMessages + resumedMessages
            || outbox.byteCount > limits.outboundBytes + resumedBytes
    }

    /// Puts back what has gone out but has not arrived.
    ///
    /// - Parameters:
    ///   - cursor: what the client has.
    ///   - envelopes: those behind it, up to the last that went out.
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

    /// Once: one that polls on here all the same would otherwise get nothing else.
    func askToReconnect() {
        if !isAskedToReconnect { outbox.reconnect = true }
        isAskedToReconnect = true
    }

    /// What time brings.
    enum Due: Equatable {
        /// It has had no transport for too long.
        case removal
        /// A poll that found nothing is answered all the same.
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

/// A client's wish for a transport, its tokens opened and checked.
struct SessionRequest: Sendable {
    enum Purpose: Sendable {
        /// A new connection, which an Initializing command must confirm.
        case connect
        /// A connection that goes on, here or from another node; also each further long poll.
        case resume
    }

    let purpose: Purpose
    let connectionID: String
    let user: String
    /// Names as registered.
    let hubs: [String]
    let transport: TransportKind
    /// What the client has; nil: it wants what comes from now on.
    let cursor: UInt64?
    /// From the groups token: `Hub.group` each.
    let groups: [String]

    /// The signals that the connection listens to, apart from groups.
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
