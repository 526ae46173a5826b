import Backplane
import Redis

/// The used fields of one row of `CLIENT LIST TYPE pubsub`.
struct SubscriberClient: Sendable, Equatable {
    static let unnamed = "unnamed"

    /// Of the connection, new for each; nil if unknown.
    var id: Int?
    /// The client's name without control characters; `unnamed` if it has none.
    var name: String
    /// Without the port, which changes with each connection; `unix` for a socket.
    var address: String
    /// Number of channel subscriptions; 0 if it has only patterns.
    var channels: Int
    /// Bytes waiting in Redis for it.
    var waiting: Int
    /// Total memory that Redis uses for it; nil if unknown.
    var memory: Int?

    private static let longestName = 80

    /// - Parameter line: `id=3 addr=127.0.0.1:52555 name=web1 ... sub=1 psub=0 ... omem=0 tot-mem=20504`
    init?(line: String) {
        let fields = InfoFields(client: line)
        guard let address = fields["addr"], let waiting = fields["omem"].flatMap({ Int($0) }) else { return nil }
        name = PrintableText.line(String((fields["name"] ?? "").unicodeScalars.prefix(Self.longestName)))
        if name.isEmpty { name = Self.unnamed }
        id = fields["id"].flatMap { Int($0) }
        self.address = Self.withoutPort(address)
        channels = fields["sub"].flatMap { Int($0) } ?? 0
        self.waiting = waiting
        memory = fields["tot-mem"].flatMap { Int($0) }
    }

    /// Sentinels subscribe to their own channel on their master.
    var isSentinel: Bool { name.hasPrefix("sentinel-") }

    static func withoutPort(_ address: String) -> String {
        guard !address.hasPrefix("/"), let colon = address.lastIndex(of: ":") else { return "unix" }
        let host = address[..<colon]
        return host.hasPrefix("[") && host.hasSuffix("]") ? String(host.dropFirst().dropLast()) : String(host)
    }
}

/// The subscribers of a server, one row per name and address, tracked over time.
///
/// The rows are per server: the channels of a connection are unknown.
package struct SubscriberTable: Sendable {
    /// What a row is about: subscribers that reconnect, and several connections of one process, share it.
    package struct Key: Sendable, Hashable {
        /// The client's name without control characters; `unnamed`, or `other` for those beyond the limit.
        package var name: String
        /// Without the port; `unix` for a socket, or `other` for those beyond the limit.
        package var address: String

        static let other = Key(name: "other", address: "other")
    }

    /// The connections with one name and address.
    package struct Row: Sendable, Equatable {
        /// 0 for one that has left recently.
        package var connections = 0
        /// Maximum over its connections, in bytes.
        package var waiting = 0
        /// Sum over its connections, in bytes; nil if unknown.
        var memory: Int?
        /// Much data waited for it, in this listing and the previous one.
        package var isSlow = false
        fileprivate var wasBehind = false
        /// On the monotonic clock.
        fileprivate var seenAt: UInt64 = 0
    }

    static let limit = 100
    /// How long a row is kept after the last connection has left.
    static let keeps: UInt64 = 600_000_000_000
    /// A reading subscriber has hardly any waiting data when listed.
    static let muchWaiting = 1 << 20

    /// At most ``limit`` and one for the others; a row stays for 10 minutes after its last connection has left.
    package private(set) var rows: [Key: Row] = [:]
    /// Connections subscribed to channels, without sentinels, in the last listing.
    package private(set) var listening = 0

    mutating func look(_ clients: some Sequence<SubscriberClient>, at now: UInt64) {
        listening = 0
        for key in rows.keys {
            rows[key]?.connections = 0
            rows[key]?.waiting = 0
            rows[key]?.memory = nil
        }
        for client in clients {
            if client.channels > 0, !client.isSentinel { listening += 1 }
            var key = Key(name: client.name, address: client.address)
            if rows[key] == nil, rows.count >= Self.limit { key = .other }
            var row = rows[key] ?? Row()
            row.connections += 1
            row.waiting = max(row.waiting, client.waiting)
            row.memory = client.memory.map { $0 + (row.memory ?? 0) } ?? row.memory
            row.seenAt = now
            rows[key] = row
        }
        for (key, row) in rows {
            let isBehind = row.waiting >= Self.muchWaiting
            rows[key]?.isSlow = isBehind && row.wasBehind
            rows[key]?.wasBehind = isBehind
        }
        rows = rows.filter { now - min(now, $0.value.seenAt) < Self.keeps }
    }

    /// Most waiting bytes first.
    package var sorted: [(key: Key, row: Row)] {
        rows.map { ($0.key, $0.value) }.sorted {
            ($1.row.waiting, $0.key.name, $0.key.address) < ($0.row.waiting, $1.key.name, $1.key.address)
        }
    }
}
