import Redis

extension MasterLoss {
    /// What an answer means beside what is known.
    enum Change: Equatable {
        case none
        case demoted(MasterLoss)
        /// The same replica follows another master.
        case moved(MasterLoss)
        case promoted
    }

    /// - Parameters:
    ///   - loss: as it is known so far; nil for a master.
    ///   - role: as the server says now; nil where it does not say, which changes nothing.
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

/// What the watched server says that it is.
enum WatchedRole: Equatable {
    case master
    /// - of: `host:port`; nil where it does not tell.
    case replica(of: String?)

    /// - Returns: nil for what is neither, such as a sentinel.
    init?(_ role: RedisRole) {
        switch role {
        case .master: self = .master
        case .replica(let master): self = .replica(of: master.description)
        case .sentinel: return nil
        }
    }

    /// By `INFO replication`, for where ROLE is denied.
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

    /// By the error of a connection that was refused for its role, or of a command that a replica does not answer.
    init?(refusal error: RedisError) {
        switch error {
        case .replica(_, let master): self = .replica(of: master)
        case .demotedMaster: self = .replica(of: nil)
        // A replica without its master that may not answer with old data: the counter cannot be read.
        case .serverError(_, let reply) where reply.hasPrefix("MASTERDOWN"): self = .replica(of: nil)
        default: return nil
        }
    }
}
