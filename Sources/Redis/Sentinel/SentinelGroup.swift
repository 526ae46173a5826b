/// A master and its replicas, as a sentinel sees them.
struct SentinelGroup: Equatable {
    /// Maximum number of replicas that are used.
    private static let mostReplicas = 64

    var master: RedisEndpoint
    /// Replicas that answer the sentinel and receive from their master.
    private(set) var healthy: [RedisEndpoint] = []
    /// All that answer the sentinel.
    private(set) var present: [RedisEndpoint] = []

    /// - Parameter replicas: the reply to `SENTINEL REPLICAS`; none are used of any other reply.
    init(master: RedisEndpoint, replicas: RESPValue) {
        self.master = master
        for fields in (replicas.array ?? []).prefix(Self.mostReplicas).map(Self.fields) {
            guard let host = fields["ip"], let port = fields["port"].flatMap({ Int($0) }), port > 0 else { continue }
            let flags = (fields["flags"] ?? "").split(separator: ",")
            guard flags.allSatisfy({ !["s_down", "o_down", "disconnected", "master"].contains($0) }) else { continue }
            let replica = RedisEndpoint.tcp(host: host, port: port)
            present.append(replica)
            if fields["master-link-status"] == "ok" { healthy.append(replica) }
        }
    }

    /// What a server must be and which servers to try, in the order of the rounds of a search.
    func rounds(
        _ preference: ServerPreference, acceptsBrokenLink: Bool
    ) -> [(demand: ServerDemand, servers: [RedisEndpoint])] {
        let last: [(ServerDemand, [RedisEndpoint])] = acceptsBrokenLink ? [(.any, present)] : []
        return switch preference {
        case .replica: [(.linkedReplica, healthy), (.master, [master])] + last
        case .master: [(.master, [master])]
        case .any: [(.master, [master]), (.linkedReplica, healthy)] + last
        }
    }

    /// Parses a list of alternating names and values.
    private static func fields(_ reply: RESPValue) -> [String: String] {
        let parts = (reply.array ?? []).map { $0.text ?? "" }
        var fields: [String: String] = [:]
        for index in stride(from: 0, to: parts.count - 1, by: 2) { fields[parts[index]] = parts[index + 1] }
        return fields
    }
}
