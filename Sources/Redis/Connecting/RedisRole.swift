/// The answer to `ROLE`.
package enum RedisRole: Equatable, Sendable {
    case master
    /// Of a master whose address the server knows.
    case replica(of: RedisEndpoint)
    case sentinel

    /// - Returns: nil for anything else.
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
    /// Why a server of this role and mode is not the one to use; nil if it is.
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

    /// The same by INFO, which knows of cluster mode too, and for where ROLE is denied.
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
