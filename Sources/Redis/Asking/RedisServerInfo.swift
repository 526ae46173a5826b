/// The fields of `INFO` that this project needs, as named by Redis, Valkey, KeyDB, Dragonfly and Garnet.
package struct RedisServerInfo: Sendable, Equatable {
    /// Random per process: a new value means a restart or another server.
    package var runID: String
    /// `Redis`, `Valkey`, `KeyDB`, `Dragonfly` or `Garnet`.
    package var product: String
    /// The product's own version: Valkey 9 also reports Redis 7.2.4.
    package var version: String
    /// `standalone`, `sentinel` or `cluster`; empty if unknown.
    package var mode: String
    /// `master` or `slave`.
    package var role: String
    /// The address of a replica's master.
    package var masterPlace: RedisEndpoint?
    /// The same as `host:port`.
    package var master: String? { masterPlace?.description }
    /// Whether a replica receives its master's stream; true for a master.
    package var isLinked: Bool
    /// The history of the data, a random name that a master and its replicas share: `master_replid`; nil if unknown.
    package var history: String?
    /// Clients disconnected because of a full output buffer since the start; nil if unknown.
    package var outputBufferDisconnections: Int?
    /// True for a master whose process started without keys, because it loaded none from disk. False also if unknown,
    /// as before Redis 7, or with an append-only file.
    package var beganEmpty: Bool
    /// The end of its replication stream; nil if unknown.
    package var replication: ReplicationPosition?

    /// Field prefix of each product except Redis.
    private static let products = [
        (prefix: "valkey", name: "Valkey"), (prefix: "dragonfly", name: "Dragonfly"),
        (prefix: "garnet", name: "Garnet"),
        (prefix: "keydb", name: "KeyDB"),
    ]

    /// - Parameter text: the reply to `INFO`, lines of `name:value`.
    package init(infoText text: String) {
        var fields: [Substring: Substring] = [:]
        for line in text.split(whereSeparator: \.isNewline) {
            guard let colon = line.firstIndex(of: ":") else { continue }
            fields[line[..<colon]] = line[line.index(after: colon)...]
        }
        runID = String(fields["run_id"] ?? "")
        let executable = fields["executable"].map { $0.split(separator: "/").last ?? $0 } ?? ""
        let other = Self.products.first { product in
            fields["\(product.prefix)_version"] != nil || fields["server_name"]?.lowercased() == product.prefix
                || executable.hasPrefix(product.prefix)
        }
        product = other?.name ?? "Redis"
        let own = other.flatMap { fields["\($0.prefix)_version"] }
        // Dragonfly's version begins with "df-v".
        version = String((own ?? fields["redis_version"] ?? "").trimmingPrefix("df-").trimmingPrefix("v"))
        mode = Self.mode(fields)
        role = String(fields["role"] ?? "")
        if let host = fields["master_host"], let port = fields["master_port"].flatMap({ Int($0) }) {
            masterPlace = .tcp(host: String(host), port: port)
        }
        isLinked = fields["master_link_status"].map { $0 == "up" } ?? true
        history = fields["master_replid"].map { String($0) }
        outputBufferDisconnections = fields["client_output_buffer_limit_disconnections"].flatMap { Int($0) }
        beganEmpty =
            role == "master" && fields["rdb_last_load_keys_loaded"] == "0" && fields["aof_enabled"] == "0"
        if let history = fields["master_replid"], let offset = fields["master_repl_offset"].flatMap({ Int64($0) }) {
            replication = ReplicationPosition(history: String(history), offset: offset)
        }
    }

    /// Bytes of the replication stream since a position; nil if unknown, such as in another history.
    package func bytes(since position: ReplicationPosition) -> Int64? {
        guard let replication, replication.history == position.history else { return nil }
        return max(0, replication.offset - position.offset)
    }

    /// `redis_mode`, `server_mode` (Valkey) or another field with this suffix; `cluster_enabled` takes precedence,
    /// because a proxy may report standalone mode.
    private static func mode(_ fields: [Substring: Substring]) -> String {
        if fields["cluster_enabled"] == "1" { return "cluster" }
        let names = ["redis_mode", "server_mode"] + products.map { "\($0.prefix)_mode" }
        let told = names.compactMap { fields[$0[...]] }.filter { !$0.isEmpty }
        if told.contains("cluster") { return "cluster" }
        return told.first.map(String.init) ?? (fields["cluster_enabled"] == "0" ? "standalone" : "")
    }

    /// The ``runID``; nil if INFO does not contain it.
    package var identity: String? { runID.isEmpty ? nil : runID }

    /// `Redis 7.0.15`, `Valkey 9.1.2`; only the product if its version is unknown.
    package var title: String { version.isEmpty ? product : "\(product) \(version)" }

    /// For a field named after Redis: `7.0.15`, but `Valkey 9.1.2`.
    package var versionText: String { product == "Redis" ? version : title }
}

/// The `name:value` lines of a reply to `INFO`, or the fields of `CLIENT LIST`, separated by spaces and `=`.
package struct InfoFields {
    private var fields: [Substring: Substring] = [:]

    /// - Parameter text: the reply to `INFO`.
    package init(_ text: String) {
        for line in text.split(whereSeparator: \.isNewline) { add(line, divider: ":") }
    }

    /// - Parameter client: one line of `CLIENT LIST`.
    package init(client: String) {
        for word in client.split(whereSeparator: \.isWhitespace) { add(word, divider: "=") }
    }

    private mutating func add(_ text: Substring, divider: Character) {
        guard let middle = text.firstIndex(of: divider) else { return }
        fields[text[..<middle]] = text[text.index(after: middle)...]
    }

    /// The value of a field; nil if absent.
    package subscript(name: String) -> String? { fields[name[...]].map(String.init) }
}

/// The reply to `ROLE`.
package enum RedisRole: Equatable, Sendable {
    case master
    /// With the master's address, and whether it receives its master's stream.
    case replica(of: RedisEndpoint, isLinked: Bool = true)
    case sentinel

    /// - Returns: nil for any other reply.
    package init?(reply: RESPValue) {
        guard let parts = reply.array, let word = parts.first?.text else { return nil }
        switch word {
        case "master": self = .master
        case "sentinel": self = .sentinel
        case "slave", "replica":
            guard parts.count >= 3, let host = parts[1].text, let port = parts[2].integer else { return nil }
            let state = parts.count > 3 ? parts[3].text : nil
            self = .replica(of: .tcp(host: host, port: Int(port)), isLinked: state.map { $0 == "connected" } ?? true)
        default: return nil
        }
    }
}

extension RedisConfiguration {
    /// Why a server with this role and mode must not be used; nil if it may.
    func objection(to role: RedisRole, at endpoint: String) -> RedisError? {
        switch role {
        case .master: objectionToMaster(at: endpoint)
        case .replica(let master, let isLinked):
            objectionToReplica(at: endpoint, of: master.description, isLinked: isLinked)
        case .sentinel: .sentinel(endpoint: endpoint)
        }
    }

    /// The same by INFO, which also reports cluster mode, and if ROLE is denied.
    package func objection(to info: RedisServerInfo, at endpoint: String) -> RedisError? {
        switch (info.mode, info.role) {
        // Each node delivers what is published at any other, whatever its role.
        case ("cluster", _): use == .watch ? nil : .clusterMode(endpoint: endpoint)
        case ("sentinel", _): .sentinel(endpoint: endpoint)
        case (_, "slave"), (_, "replica"):
            objectionToReplica(at: endpoint, of: info.master, isLinked: info.isLinked)
        case (_, "master"): objectionToMaster(at: endpoint)
        default: nil
        }
    }

    private var demanded: ServerDemand { demand ?? (use == .publish ? .master : .any) }

    private func objectionToMaster(at endpoint: String) -> RedisError? {
        demanded == .linkedReplica ? .passedOver(endpoint: endpoint, reason: "it is a master") : nil
    }

    private func objectionToReplica(at endpoint: String, of master: String?, isLinked: Bool) -> RedisError? {
        switch demanded {
        case .any: nil
        case .linkedReplica, .healthy:
            isLinked ? nil : .passedOver(endpoint: endpoint, reason: "it is a replica without a link to its master")
        case .master:
            if let sentinelMaster {
                .demotedMaster(endpoint: endpoint, name: sentinelMaster)
            } else {
                .replica(endpoint: endpoint, master: master)
            }
        }
    }
}
