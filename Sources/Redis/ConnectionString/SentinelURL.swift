/// `redis+sentinel://[user:password@]host[:port],host[:port]/master[/database]`, from behind the slashes on.
enum SentinelURL {
    static func parse(
        _ text: Substring, scheme: String, tls: RedisTLS?
    ) throws(ConnectionStringError) -> RedisConfiguration {
        var rest = text
        try URLParts.refuseOptions(in: rest, scheme: scheme)
        try URLParts.refuseParameters(in: rest, scheme: scheme)
        var configuration = RedisConfiguration(servers: [], tls: tls)
        if let at = rest.lastIndex(of: "@") { try configuration.takeLogin(from: &rest, upTo: at, scheme: scheme) }
        let path = rest.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false).dropFirst().first ?? ""
        let parts = path.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
        guard let name = parts.first, !name.isEmpty,
            !name.contains(where: { ",;=&\"'".contains($0) || $0.isWhitespace })
        else {
            throw ConnectionStringError(
                "the name of the master is missing, or holds a sign that is written percent-encoded; write \(scheme)://host:26379,host:26379/mymaster"
            )
        }
        configuration.sentinelMaster = try URLParts.percentDecoded(name, what: "the master of the \(scheme):// URL")
        if parts.count > 1, !parts[1].isEmpty {
            configuration.database = try URLParts.database(
                parts[1], what: "what follows the master in the \(scheme):// URL")
        }
        let hosts = rest.prefix { $0 != "/" }
        for host in hosts.split(separator: ",", omittingEmptySubsequences: false) {
            configuration.servers.append(try HostAndPort(host).endpoint(defaultPort: 26379))
        }
        return configuration
    }
}
