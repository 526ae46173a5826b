import NIOCore

/// The servers to try for a connection, in order.
struct RedisRoute: Sendable {
    let configuration: RedisConfiguration
    let eventLoopGroup: any EventLoopGroup

    /// Tries the servers until one can be used.
    ///
    /// - Parameters:
    ///   - probes: asks for the role of one of several servers before it is used: a subscription, however short, counts
    ///     in the answers of PUBLISH.
    ///   - use: the caller's use of a server, with what it must be; on error the next server is tried.
    /// - Throws: ``RedisError`` of the one server, or ``RedisError/noneOf(_:)`` of several; `CancellationError`.
    func first<Value>(
        probes: Bool = false, isolation: isolated (any Actor)? = #isolation,
        _ use: (RedisEndpoint, RedisConfiguration) async throws -> Value
    ) async throws -> Value {
        var tried: [RedisEndpoint] = []
        var failures: [RedisEndpoint: RedisError] = [:]
        var cutOff: [(server: RedisEndpoint, asked: RedisConfiguration)] = []
        for (demand, servers) in try await rounds() {
            // A server that failed for a reason other than its role fails again.
            for server in servers where failures[server]?.isAboutRole ?? true {
                try Task.checkCancellation()
                if failures[server] == nil { tried.append(server) }
                var asked = configuration
                asked.demand = demand
                do {
                    if probes || avoidsCutOff, hasChoice {
                        try await ServerProbe(eventLoopGroup: eventLoopGroup).look(at: server, asked)
                    }
                    return try await use(server, asked)
                } catch let error as RedisError {
                    failures[server] = error
                    if case .cutOff = error { cutOff.append((server, asked)) }
                }
            }
        }
        // A node that is cut off still delivers what is published on its side of the partition.
        for (server, asked) in cutOff where configuration.acceptsBrokenLink {
            do { return try await use(server, asked) } catch let error as RedisError { failures[server] = error }
        }
        let reasons = tried.compactMap { failures[$0] }
        if reasons.count == 1 { throw reasons[0] }
        throw RedisError.noneOf(reasons)
    }

    private var hasChoice: Bool {
        configuration.use == .watch && (configuration.hasChoice || configuration.candidates.count > 1)
    }

    private var avoidsCutOff: Bool { !configuration.acceptsBrokenLink && configuration.learned?.isCluster == true }

    private func rounds() async throws -> [(demand: ServerDemand, servers: [RedisEndpoint])] {
        guard configuration.sentinelMaster != nil else {
            return configuration.demandsOfCluster.map { ($0, configuration.candidates) }
        }
        let sentinels = Sentinels(configuration: configuration, eventLoopGroup: eventLoopGroup)
        guard configuration.use == .watch, configuration.preference != .master else {
            return [(.master, [try await sentinels.master()])]
        }
        return try await sentinels.group()
            .rounds(configuration.preference, acceptsBrokenLink: configuration.acceptsBrokenLink)
    }
}
