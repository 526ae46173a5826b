/// What a connection is for, which decides the servers that it may use.
package enum RedisUse: Sendable, Equatable {
    /// Publishing, or being a node: needs a master.
    case publish
    /// A subscription that only observes, and its queries: a replica delivers what is published at its master.
    case watch
}

/// Which server to watch, where sentinels or the address name several.
package enum ServerPreference: String, Sendable, CaseIterable {
    /// A replica whose link to its master is up; the master if there is none.
    case replica
    /// The master only.
    case master
    /// The first that answers: of sentinels the master, of several servers in their order.
    case any
}

/// What a server must be in one round of a search.
enum ServerDemand: Sendable, Equatable {
    case master
    /// A replica that receives from its master.
    case linkedReplica
    /// Either of these.
    case healthy
    /// A master, or any replica.
    case any
}

extension RedisConfiguration {
    /// The same configuration for observing: replicas and nodes of a cluster are accepted.
    ///
    /// - Parameter preference: of several servers; a single address is used as it is.
    package func watching(_ preference: ServerPreference = .replica) -> RedisConfiguration {
        var watching = self
        watching.use = .watch
        watching.preference = preference
        if sentinelMaster == nil { watching.learned = LearnedServers() }
        return watching
    }

    /// The same configuration, with its login, for this one server.
    package func pinned(to server: RedisEndpoint) -> RedisConfiguration {
        var pinned = self
        pinned.servers = [server]
        pinned.sentinelMaster = nil
        pinned.isPinned = true
        return pinned
    }

    /// The servers to try, in order: those of the address, then others of their cluster.
    var candidates: [RedisEndpoint] {
        isPinned ? servers : servers + (learned?.servers(besides: servers) ?? [])
    }

    /// Whether there may be several servers to choose from.
    package var hasChoice: Bool { sentinelMaster != nil || servers.count > 1 }

    /// As ``demands``; in a cluster every node is acceptable: each delivers what is published at any other, whatever
    /// its role and its link.
    var demandsOfCluster: [ServerDemand] {
        let demands = demands
        guard use == .watch, learned?.isCluster == true, demands.last != .any else { return demands }
        return demands + [.any]
    }

    /// What a server must be, in the order of the rounds of a search among the servers of the address.
    var demands: [ServerDemand] {
        let demands: [ServerDemand] =
            switch (use, hasChoice, preference) {
            case (.publish, _, _): [.master]
            case (.watch, false, _): [.any]
            case (.watch, true, .replica): [.linkedReplica, .master, .any]
            case (.watch, true, .master): [.master]
            case (.watch, true, .any): [.healthy, .any]
            }
        return acceptsBrokenLink ? demands : demands.filter { $0 != .any }
    }
}
