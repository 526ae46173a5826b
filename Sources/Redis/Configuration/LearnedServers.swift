import Synchronization

/// The nodes of the cluster that the servers of a configuration belong to, as far as learned. Shared by the connections
/// of a relay: if the servers of its address are away, others of the cluster are tried.
package final class LearnedServers: Sendable, Equatable {
    /// Maximum number of servers that are kept.
    static let limit = 64

    private struct State {
        var servers: [RedisEndpoint] = []
        var isCluster = false
        var numbers: [RedisEndpoint: Int] = [:]
    }

    private let state = Mutex(State())

    /// None yet.
    package init() {}

    /// True once a server has said that it is a node of a cluster.
    package var isCluster: Bool { state.withLock { $0.isCluster } }

    /// A server has said that it is a node of a cluster.
    func foundCluster() { state.withLock { $0.isCluster = true } }

    /// - Parameter servers: the nodes, those to try first at the beginning.
    func learn(_ servers: [RedisEndpoint]) {
        // One that knows no others was cut off, or is new: what others said is worth more.
        guard servers.count > 1 else { return }
        state.withLock { $0.servers = Array(servers.prefix(Self.limit)) }
    }

    /// What was learned, without these.
    func servers(besides known: [RedisEndpoint]) -> [RedisEndpoint] {
        state.withLock { $0.servers }.filter { !known.contains($0) }
    }

    /// A number that only this server has, to tell apart what several of them number alike; 0 beyond the limit.
    func number(of server: RedisEndpoint) -> Int {
        state.withLock { state in
            if let number = state.numbers[server] { return number }
            guard state.numbers.count + 1 < Self.limit else { return 0 }
            state.numbers[server] = state.numbers.count + 1
            return state.numbers.count
        }
    }

    /// Always: what was learned is no part of what is configured.
    package static func == (first: LearnedServers, second: LearnedServers) -> Bool { true }
}
