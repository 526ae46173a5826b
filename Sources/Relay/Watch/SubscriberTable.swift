import Backplane
import Redis

/// One row of `CLIENT LIST TYPE pubsub`, as far as it is looked at.
struct SubscriberClient: Sendable, Equatable {
    /// As the client calls itself, without what could steer a terminal; `unnamed` if it does not.
    var name: String
    /// Without the port, which changes with each connection; `unix` for a socket file.
    var address: String
    /// Channels that it has subscribed to; 0 for one that has only patterns.
    var channels: Int
    /// Bytes that wait in Redis for it.
    var waiting: Int
    /// Bytes that Redis keeps for it altogether; nil where it does not tell.
    var memory: Int?

    private static let longestName = 80

    /// - Parameter line: `id=3 addr=127.0.0.1:52555 name=web1 ... sub=1 psub=0 ... omem=0 tot-mem=20504`
    init?(line: String) {
        let fields = InfoFields(client: line)
        guard let address = fields["addr"], let waiting = fields["omem"].flatMap({ Int($0) }) else { return nil }
        name = PrintableText.line(String((fields["name"] ?? "").unicodeScalars.prefix(Self.longestName)))
        if name.isEmpty { name = "unnamed" }
        self.address = Self.withoutPort(address)
        channels = fields["sub"].flatMap { Int($0) } ?? 0
        self.waiting = waiting
        memory = fields["tot-mem"].flatMap { Int($0) }
    }

    /// Sentinels listen on their master, to a channel of their own.
    var isSentinel: Bool { name.hasPrefix("sentinel-") }

    static func withoutPort(_ address: String) -> String {
        guard !address.hasPrefix("/"), let colon = address.lastIndex(of: ":") else { return "unix" }
        let host = address[..<colon]
        return host.hasPrefix("[") && host.hasSuffix("]") ? String(host.dropFirst().dropLast()) : String(host)
    }
}

/// The subscribers of a server, those of one name and address as one row, followed from look to look.
///
/// Rows are the server's: which channels a connection listens to is not told.
package struct SubscriberTable: Sendable {
    package struct Key: Sendable, Hashable {
        package var name: String
        package var address: String

        static let other = Key(name: "other", address: "other")
    }

    package struct Row: Sendable, Equatable {
        /// 0 for one that has gone lately.
        package var connections = 0
        /// Of the connection with most, in bytes.
        package var waiting = 0
        /// Of all its connections, in bytes; nil where Redis does not tell.
        var memory: Int?
        /// Redis keeps back much for it, at this look and the one before.
        package var isSlow = false
        fileprivate var wasBehind = false
        /// On the monotonic clock.
        fileprivate var seenAt: UInt64 = 0
    }

    static let limit = 100
    /// A row that is gone stays for so long.
    static let keeps: UInt64 = 600_000_000_000
    /// A subscriber that reads has nearly nothing waiting when it is looked at.
    static let muchWaiting = 1 << 20

    package private(set) var rows: [Key: Row] = [:]
    /// Connections that listen to channels, sentinels aside, at the last look.
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

    /// Most waiting first.
    package var sorted: [(key: Key, row: Row)] {
        rows.map { ($0.key, $0.value) }.sorted {
            ($1.row.waiting, $0.key.name, $0.key.address) < ($0.row.waiting, $1.key.name, $1.key.address)
        }
    }
}
