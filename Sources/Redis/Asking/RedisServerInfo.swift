/// What `INFO` says of a server, as far as this project needs it, under the names that Redis, Valkey, KeyDB, Dragonfly and
/// Garnet give it.
package struct RedisServerInfo: Sendable, Equatable {
    /// Random per process: a new one means that the server was restarted or is another one.
    package var runID: String
    /// `Redis`, `Valkey`, `KeyDB`, `Dragonfly` or `Garnet`.
    package var product: String
    /// The product's own: Valkey 9 calls itself Redis 7.2.4 as well.
    package var version: String
    /// `standalone`, `sentinel` or `cluster`; empty where nothing tells.
    package var mode: String
    /// `master` or `slave`.
    package var role: String
    /// `host:port` of the master of a replica.
    package var master: String?
    /// Clients that Redis closed because their output buffer was full, since its start; nil where it does not tell.
    package var outputBufferDisconnections: Int?

    /// The prefix of its fields, for each product but Redis.
    private static let products = [
        (prefix: "valkey", name: "Valkey"), (prefix: "dragonfly", name: "Dragonfly"),
        (prefix: "garnet", name: "Garnet"),
        (prefix: "keydb", name: "KeyDB"),
    ]

    /// - Parameter text: the answer to `INFO`, lines of `name:value`.
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
        // Dragonfly's begins with "df-v".
        version = String((own ?? fields["redis_version"] ?? "").trimmingPrefix("df-").trimmingPrefix("v"))
        mode = Self.mode(fields)
        role = String(fields["role"] ?? "")
        if let host = fields["master_host"], let port = fields["master_port"].flatMap({ Int($0) }) {
            master = RedisEndpoint.tcp(host: String(host), port: port).description
        }
        outputBufferDisconnections = fields["client_output_buffer_limit_disconnections"].flatMap { Int($0) }
    }

    /// `redis_mode`, `server_mode` (Valkey) or whatever else ends so; `cluster_enabled` outweighs it, as a server in
    /// front of others may claim to stand alone.
    private static func mode(_ fields: [Substring: Substring]) -> String {
        if fields["cluster_enabled"] == "1" { return "cluster" }
        let names = ["redis_mode", "server_mode"] + products.map { "\($0.prefix)_mode" }
        let told = names.compactMap { fields[$0[...]] }.filter { !$0.isEmpty }
        if told.contains("cluster") { return "cluster" }
        return told.first.map(String.init) ?? (fields["cluster_enabled"] == "0" ? "standalone" : "")
    }

    /// `Redis 7.0.15`, `Valkey 9.1.2`; the product alone where its version is not told.
    package var title: String { version.isEmpty ? product : "\(product) \(version)" }

    /// For a field that is called after Redis: `7.0.15`, but `Valkey 9.1.2`.
    package var versionText: String { product == "Redis" ? version : title }
}

/// The `name:value` lines of an answer to `INFO` or, divided by spaces and `=`, of `CLIENT LIST`.
package struct InfoFields {
    private var fields: [Substring: Substring] = [:]

    /// - Parameter text: the answer to `INFO`.
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

    /// The value of a field; nil if the answer has none of this name.
    package subscript(name: String) -> String? { fields[name[...]].map(String.init) }
}
