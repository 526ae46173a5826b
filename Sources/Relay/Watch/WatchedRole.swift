import Redis

extension MasterLoss {
    /// The meaning of an answer relative to the known state.
    enum Change: Equatable {
        case none
        case demoted(MasterLoss)
        /// The same replica follows another master.
        case moved(MasterLoss)
        case promoted
    }

    /// - Parameters:
    ///   - loss: the known state; nil for a master.
    ///   - role: the server's answer; nil if unknown, which changes nothing.
    ///   - now: nanoseconds since 1970.
    static func change(from loss: MasterLoss?, by role: WatchedRole?, at now: UInt64) -> Change {
        switch (role, loss) {
        case (nil, _), (.master, nil): .none
        case (.master, _?): .promoted
        case (.replica(let master), nil): .demoted(MasterLoss(master: master, since: now))
        case (.replica(let master), let known?):
            if let master, master != known.master {
                .moved(MasterLoss(master: master, since: known.since))
            } else {
                .none
            }
        }
    }
}

/// The role reported by the watched server.
enum WatchedRole: Equatable {
    case master
    ///   - of: `host:port`; nil if unknown.
    case replica(of: String?)

    /// - Returns: nil for neither, such as a sentinel.
    init?(_ role: RedisRole) {
        switch role {
        case .master: self = .master
        case .replica(let master): self = .replica(of: master.description)
        case .sentinel: return nil
        }
    }

    /// From `INFO replication`, if ROLE is denied.
    init?(info text: String) {
        let fields = InfoFields(text)
        switch fields["role"] {
        case "master": self = .master
        case "slave", "replica":
            guard let host = fields["master_host"], let port = fields["master_port"].flatMap({ Int($0) }) else {
                self = .replica(of: nil)
                return
            }
            self = .replica(of: RedisEndpoint.tcp(host: host, port: port).description)
        default: return nil
        }
    }

    /// From the error of a connection refused because of its role, or of a command that a replica does not serve.
    init?(refusal error: RedisError) {
        switch error {
        case .replica(_, let master): self = .replica(of: master)
        case .demotedMaster: self = .replica(of: nil)
        // A replica that has lost its master and may not serve stale data: the counter cannot be read.
        case .serverError(_, let reply) where reply.hasPrefix("MASTERDOWN"): self = .replica(of: nil)
        default: return nil
        }
    }
}
