import Synchronization

/// The known nodes of the cluster to which the servers of a configuration belong. Shared by the connections of a relay:
/// if the configured servers do not answer, other nodes of the cluster are tried.
package final class LearnedServers: Sendable, Equatable {
    /// Maximum number of servers.
    static let limit = 64

    private struct State {
        var servers: [RedisEndpoint] = []
        var isCluster = false
        var numbers: [RedisEndpoint: Int] = [:]
    }

    private let state = Mutex(State())

    /// None yet.
    package init() {}

    /// True once a server has reported cluster mode.
    package var isCluster: Bool { state.withLock { $0.isCluster } }

    /// A server has reported cluster mode.
    func foundCluster() { state.withLock { $0.isCluster = true } }

    /// - Parameter servers: the nodes, in the order to try them.
    func learn(_ servers: [RedisEndpoint]) {
        // A node that knows no others is cut off or new: keep what was learned before.
        guard servers.count > 1 else { return }
        state.withLock { $0.servers = Array(servers.prefix(Self.limit)) }
    }

    /// The learned servers without these.
    func servers(besides known: [RedisEndpoint]) -> [RedisEndpoint] {
        state.withLock { $0.servers }.filter { !known.contains($0) }
    }

    /// A number unique to this server, to distinguish equal ids of several servers; 0 beyond the limit.
    func number(of server: RedisEndpoint) -> Int {
        state.withLock { state in
            if let number = state.numbers[server] { return number }
            guard state.numbers.count + 1 < Self.limit else { return 0 }
            state.numbers[server] = state.numbers.count + 1
            return state.numbers.count
        }
    }

    /// Always true: the learned servers are not part of the configuration.
    package static func == (first: LearnedServers, second: LearnedServers) -> Bool { true }
}
