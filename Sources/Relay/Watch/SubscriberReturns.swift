import Redis

/// Finds nodes whose subscribing connection was replaced: in between they received nothing. Decision logic without I/O;
/// times are nanoseconds on the monotonic clock.
///
/// A connection is identified by its id in `CLIENT LIST`, a node by the name and address of its connections.
/// Connections without a name are left out, because any client may be behind them; so are relays, sentinels, and the
/// first connection of a new node.
struct SubscriberReturns: Sendable {
    /// Connections of one node that replaced earlier ones.
    struct Return: Sendable, Equatable {
        var key: SubscriberTable.Key
        var connections: Int
        /// The longest time that the node can have been without them.
        var awayAtMost: UInt64
    }

    private struct Row {
        /// Ids of its connections; nil if unknown whether they still exist.
        var ids: Set<Int>?
        /// Connections that ended and were not replaced yet.
        var away = 0
        /// When those connections were last listed.
        var awaySince: UInt64 = 0
        var seenAt: UInt64
    }

    static let limit = 100
    /// How long an absent node is remembered.
    static let keeps: UInt64 = 600_000_000_000

    private var rows: [SubscriberTable.Key: Row] = [:]
    private var lookedAt: UInt64 = 0
    private var server: String?

    /// The known nodes, at most ``limit``.
    var keys: Set<SubscriberTable.Key> { Set(rows.keys) }

    /// - Parameters:
    ///   - clients: all subscribers of the server.
    ///   - server: whose ids they are.
    /// - Returns: the nodes that replaced a lost connection since the last call, sorted by name.
    mutating func look(_ clients: some Sequence<SubscriberClient>, of server: String, at now: UInt64) -> [Return] {
        if server != self.server { interrupted() }
        self.server = server
        var listed: [SubscriberTable.Key: Set<Int>] = [:]
        var room = Self.limit - rows.count
        for client in clients where client.isNamedNode {
            guard let id = client.id else { continue }
            let key = SubscriberTable.Key(name: client.name, address: client.address)
            if rows[key] == nil, listed[key] == nil {
                guard room > 0 else { continue }
                room -= 1
            }
            listed[key, default: []].insert(id)
        }
        var returns: [Return] = []
        for (key, ids) in listed {
            var row = rows[key] ?? Row(seenAt: now)
            if let known = row.ids {
                note(gone: known.subtracting(ids).count, in: &row)
                let back = min(row.away, ids.subtracting(known).count)
                if back > 0 {
                    returns.append(
                        Return(key: key, connections: back, awayAtMost: now - min(now, row.awaySince)))
                    row.away -= back
                }
            }
            (row.ids, row.seenAt) = (ids, now)
            rows[key] = row
        }
        for key in rows.keys where listed[key] == nil {
            guard var row = rows[key] else { continue }
            if let known = row.ids { note(gone: known.count, in: &row) }
            if row.ids != nil { row.ids = [] }
            // The nodes that `check` starts are short-lived and share one name.
            if key.name.hasSuffix(RedisConfiguration.defaultClientName + "-hub") { row.away = 0 }
            rows[key] = row
        }
        rows = rows.filter { now - min(now, $0.value.seenAt) < Self.keeps }
        lookedAt = now
        return returns.sorted { ($0.key.name, $0.key.address) < ($1.key.name, $1.key.address) }
    }

    /// The server was not queried for some time, or is another one: the ids of the same nodes may differ.
    mutating func interrupted() {
        for key in rows.keys {
            rows[key]?.ids = nil
            rows[key]?.away = 0
        }
        server = nil
    }

    private func note(gone: Int, in row: inout Row) {
        guard gone > 0 else { return }
        if row.away == 0 { row.awaySince = lookedAt }
        row.away += gone
    }
}

extension SubscriberClient {
    /// Whether its name identifies a node.
    fileprivate var isNamedNode: Bool {
        name != SubscriberClient.unnamed && !isSentinel && !RedisConfiguration.isObserver(clientName: name)
    }
}

/// Notices that a number of subscribers fell and rose again: a node was not subscribed for a while, or was replaced.
/// Decision logic without I/O; times as above.
struct SubscriberDip: Sendable {
    private var last: Int?
    private var fellAt: UInt64?

    /// - Parameter count: nil if unknown, or if the relay's own subscription was not there all the time.
    /// - Returns: true if it has risen, at most ten minutes after it fell.
    mutating func look(_ count: Int?, at now: UInt64) -> Bool {
        guard let count, let last else {
            (self.last, fellAt) = (count, nil)
            return false
        }
        self.last = count
        if count < last {
            fellAt = now
        } else if count > last, let fell = fellAt {
            fellAt = nil
            return now - min(now, fell) < SubscriberReturns.keeps
        }
        return false
    }
}
