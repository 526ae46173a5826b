/// What a server says about its replication: `INFO replication`.
package struct ReplicationReport: Equatable, Sendable {
    /// False for a master.
    package var isReplica: Bool
    /// `host:port` of a replica's master; nil if unknown.
    package var master: String?
    /// Whether a replica receives its master's stream: `master_link_status`.
    package var isLinked: Bool
    /// Whether a replica receives all data of its master instead: `master_sync_in_progress`.
    package var isTransferring: Bool
    /// Which history the data belongs to, a random name: `master_replid`; nil if unknown.
    package var history: String?
    /// The history that this one continues, after a promotion: `master_replid2`; nil if it continues none.
    package var previousHistory: String?
    /// The last byte of the stream that a replica has processed, or a master has written; 0 if unknown.
    package var offset: Int64
    /// nil without one: a master that never had a replica.
    package var backlog: ReplicationBacklog?
    /// Bytes that the backlog may hold, as configured; nil if unknown.
    package var backlogBytes: Int64?
    /// Seconds since a replica received something of its master, which sends a PING every 10 s; nil without a link.
    package var silence: Int?

    /// The part of it that the reply to `ROLE` contains.
    ///
    /// - Returns: nil for a sentinel, or a reply of another shape.
    package init?(role reply: RESPValue) {
        guard let parts = reply.array, parts.count >= 2 else { return nil }
        switch RedisRole(reply: reply) {
        case .master:
            (isReplica, isLinked, isTransferring) = (false, false, false)
            offset = parts[1].integer ?? 0
        case .replica(let master, let isLinked):
            (isReplica, self.master, self.isLinked) = (true, master.description, isLinked)
            isTransferring = parts.count > 3 && parts[3].text == "sync"
            offset = parts.count > 4 ? max(0, parts[4].integer ?? 0) : 0
        case .sentinel, nil: return nil
        }
    }

    /// - Returns: nil if the text does not say the role.
    package init?(info text: String) {
        let fields = InfoFields(text)
        func number(_ name: String) -> Int64? { fields[name].flatMap { Int64($0) } }
        guard let role = fields["role"] else { return nil }
        isReplica = role == "slave" || role == "replica"
        if isReplica, let host = fields["master_host"], let port = number("master_port") {
            master = RedisEndpoint.tcp(host: host, port: Int(port)).description
        }
        isLinked = fields["master_link_status"] == "up"
        isTransferring = number("master_sync_in_progress") == 1
        history = fields["master_replid"]
        previousHistory = fields["master_replid2"].flatMap { $0.allSatisfy { $0 == "0" } ? nil : $0 }
        offset = (isReplica ? number("slave_repl_offset") : nil) ?? number("master_repl_offset") ?? 0
        backlogBytes = number("repl_backlog_size")
        backlog = ReplicationBacklog(fields)
        silence = number("master_last_io_seconds_ago").flatMap { $0 < 0 ? nil : Int($0) }
    }
}

/// The part of the replication stream that a server keeps, for replicas that reconnect.
package struct ReplicationBacklog: Equatable, Sendable {
    /// Offset of its first byte.
    package var start: Int64
    /// Bytes in it.
    package var count: Int64
    /// Bytes that fit: `repl-backlog-size`.
    package var size: Int64

    /// True if it has its full size: then it moves on with the stream.
    package var isFull: Bool { count >= size }

    /// - Parameters: as the properties of the same names.
    package init(start: Int64, count: Int64, size: Int64) {
        self.start = start
        self.count = count
        self.size = size
    }

    /// - Returns: nil without a backlog, or if a field is missing.
    init?(_ fields: InfoFields) {
        func number(_ name: String) -> Int64? { fields[name].flatMap { Int64($0) } }
        guard number("repl_backlog_active") == 1, let start = number("repl_backlog_first_byte_offset"),
            let count = number("repl_backlog_histlen"), let size = number("repl_backlog_size")
        else { return nil }
        self.init(start: start, count: count, size: size)
    }
}

extension RedisClient {
    /// The replication state of the server by `INFO replication`, or less of it by `ROLE`.
    ///
    /// - Returns: nil if neither is permitted, or the reply does not contain it.
    /// - Throws: ``RedisError``, except for denied commands.
    package func replication() async throws -> ReplicationReport? {
        do {
            let text = try await send(["INFO", "replication"]).text
            if let report = text.flatMap({ ReplicationReport(info: $0) }) { return report }
        } catch let error as RedisError where error.isRefusalOfCommand {}
        do {
            return ReplicationReport(role: try await send(["ROLE"]))
        } catch let error as RedisError where error.isRefusalOfCommand {
            return nil
        }
    }
}
