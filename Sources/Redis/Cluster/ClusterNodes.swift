/// A node of a cluster, as another node announces it.
package struct ClusterNode: Sendable, Equatable {
    /// 40 hexadecimal digits.
    package var id: String
    /// The announced address: the preferred endpoint, with the port for the kind of connection in use.
    package var place: RedisEndpoint
    /// False for a replica.
    package var isMaster: Bool
    /// False once the other nodes agree that it has failed. It is then not queried.
    package var isUp: Bool

    /// - Parameters: as the properties of the same names.
    package init(id: String, place: RedisEndpoint, isMaster: Bool = true, isUp: Bool = true) {
        self.id = id
        self.place = place
        self.isMaster = isMaster
        self.isUp = isUp
    }
}

/// The nodes of a cluster, from the reply to `CLUSTER SHARDS` (Redis 7 and later, Valkey): all of them, also those
/// without slots.
///
/// Source: `cluster.c` of Redis.
package struct ClusterNodes: Sendable, Equatable {
    /// Maximum number of nodes that are read from a reply.
    static let most = 1_000
    private static let longestHost = 253

    /// Those that are up before those that have failed, masters before replicas; else in the order of the reply.
    package private(set) var all: [ClusterNode] = []
    /// Nodes whose announcement cannot be used, such as one without a port.
    package private(set) var unreadable = 0

    /// - Parameters:
    ///   - shards: the reply; invalid parts are skipped and counted.
    ///   - server: which sent the reply; a node that announces no address gets this one, with its own port.
    ///   - usesTLS: whether the TLS port is wanted.
    /// - Returns: nil for a reply of another shape.
    package init?(shards: RESPValue, from server: RedisEndpoint, usesTLS: Bool) {
        guard let shards = shards.array else { return nil }
        for shard in shards {
            guard let nodes = Self.fields(shard)["nodes"]?.array else {
                unreadable += 1
                continue
            }
            for node in nodes where all.count < Self.most {
                guard let node = Self.node(Self.fields(node), from: server, usesTLS: usesTLS),
                    !all.contains(where: { $0.id == node.id || $0.place == node.place })
                else {
                    unreadable += 1
                    continue
                }
                all.append(node)
            }
        }
        // A stable order, although `sort` does not promise one.
        all = all.enumerated().sorted { (Self.rank($0.1), $0.0) < (Self.rank($1.1), $1.0) }.map(\.element)
    }

    private static func rank(_ node: ClusterNode) -> Int { (node.isUp ? 0 : 2) + (node.isMaster ? 0 : 1) }

    private static func node(
        _ fields: [String: RESPValue], from server: RedisEndpoint, usesTLS: Bool
    ) -> ClusterNode? {
        guard let id = fields["id"]?.text, id.count == 40, id.allSatisfy(\.isHexDigit) else { return nil }
        let ports = ["port", "tls-port"].map { fields[$0]?.integer }
        guard let port = usesTLS ? ports[1] ?? ports[0] : ports[0] ?? ports[1], (1...65_535).contains(port) else {
            return nil
        }
        let host = fields["endpoint"]?.text ?? ""
        guard let place = place(host: host, port: Int(port), from: server) else { return nil }
        return ClusterNode(
            id: id.lowercased(), place: place, isMaster: fields["role"]?.text == "master",
            isUp: !(fields["health"]?.text ?? "").hasPrefix("fail"))
    }

    /// - Parameter host: empty, or `?`, for a node that does not know its address.
    /// - Returns: nil if the text cannot be a host.
    static func place(host: String, port: Int, from server: RedisEndpoint) -> RedisEndpoint? {
        guard host.isEmpty || host == "?" else { return isHost(host) ? .tcp(host: host, port: port) : nil }
        return switch server {
        case .tcp(let host, _): .tcp(host: host, port: port)
        case .concealed(let host, _, let part): .concealed(host: host, port: port, part: part)
        case .unix: nil
        }
    }

    /// An IPv4 or IPv6 address or a name: the relay connects to it and prints it.
    private static func isHost(_ text: String) -> Bool {
        text.utf8.count <= longestHost
            && text.utf8.allSatisfy {
                switch $0 {
                case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                    UInt8(ascii: "0")...UInt8(ascii: "9"):
                    true
                case UInt8(ascii: "."), UInt8(ascii: "-"), UInt8(ascii: "_"), UInt8(ascii: ":"), UInt8(ascii: "%"):
                    true
                default: false
                }
            }
    }

    /// Names and values in turn; if a name occurs twice, the first value.
    private static func fields(_ reply: RESPValue) -> [String: RESPValue] {
        let parts = reply.array ?? []
        var fields: [String: RESPValue] = [:]
        for index in stride(from: 0, to: parts.count - 1, by: 2) {
            guard let name = parts[index].text, fields[name] == nil else { continue }
            fields[name] = parts[index + 1]
        }
        return fields
    }
}

/// What a node reports about its cluster: `CLUSTER INFO`.
package struct ClusterState: Sendable, Equatable {
    /// `cluster_state:ok`. Otherwise the node is cut off from most masters, or a slot is not served.
    package var isOK: Bool
    /// Nodes that it knows, itself included; nil if it does not report them.
    package var nodes: Int?

    /// - Parameters: as the properties of the same names.
    package init(isOK: Bool, nodes: Int? = nil) {
        self.isOK = isOK
        self.nodes = nodes
    }

    /// - Returns: nil without `cluster_state`.
    package init?(info text: String) {
        let fields = InfoFields(text)
        guard let state = fields["cluster_state"] else { return nil }
        isOK = state == "ok"
        nodes = fields["cluster_known_nodes"].flatMap { Int($0) }.flatMap { $0 > 0 ? $0 : nil }
    }
}

/// Where a key is, from the reply of a node that does not have it: `MOVED 3999 10.0.0.2:6379`.
struct ClusterRedirect: Equatable {
    let place: RedisEndpoint

    /// - Parameter server: the node that sent it.
    /// - Returns: nil for any other reply, and for one that names no usable address.
    init?(error text: String, from server: RedisEndpoint) {
        let words = text.split(separator: " ", omittingEmptySubsequences: false)
        guard words.count == 3, words[0] == "MOVED", Int(words[1]) != nil,
            let colon = words[2].lastIndex(of: ":"),
            let port = Int(words[2][words[2].index(after: colon)...]), (1...65_535).contains(port)
        else { return nil }
        var host = words[2][..<colon]
        if host.first == "[", host.last == "]" { host = host.dropFirst().dropLast() }
        guard let place = ClusterNodes.place(host: String(host), port: port, from: server) else { return nil }
        self.place = place
    }
}
