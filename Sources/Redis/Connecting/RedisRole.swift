/// The reply to `ROLE`.
package enum RedisRole: Equatable, Sendable {
    case master
    /// With the master's address.
    case replica(of: RedisEndpoint)
    case sentinel

    /// - Returns: nil for any other reply.
    package init?(reply: RESPValue) {
        guard let parts = reply.array, let word = parts.first?.text else { return nil }
        switch word {
        case "master": self = .master
        case "sentinel": self = .sentinel
        case "slave", "replica":
            guard parts.count >= 3, let host = parts[1].text, let port = parts[2].integer else { return nil }
            self = .replica(of: .tcp(host: host, port: Int(port)))
        default: return nil
        }
    }
}

extension RedisConfiguration {
    /// Why a server with this role and mode must not be used; nil if it may.
    func objection(to role: RedisRole, at endpoint: String) -> RedisError? {
        switch role {
        case .master: nil
        case .replica(let master):
            if let sentinelMaster {
                .demotedMaster(endpoint: endpoint, name: sentinelMaster)
            } else {
                .replica(endpoint: endpoint, master: master.description)
            }
        case .sentinel: .sentinel(endpoint: endpoint)
        }
    }

    /// The same by INFO, which also reports cluster mode, and if ROLE is denied.
    package func objection(to info: RedisServerInfo, at endpoint: String) -> RedisError? {
        switch (info.mode, info.role) {
        case ("cluster", _): .clusterMode(endpoint: endpoint)
        case ("sentinel", _): .sentinel(endpoint: endpoint)
        case (_, "slave"):
            if let sentinelMaster {
                .demotedMaster(endpoint: endpoint, name: sentinelMaster)
            } else {
                .replica(endpoint: endpoint, master: info.master)
            }
        default: nil
        }
    }
}
