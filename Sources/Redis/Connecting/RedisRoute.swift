import NIOCore

/// The servers to try for a connection, in order.
struct RedisRoute: Sendable {
    let configuration: RedisConfiguration
    let eventLoopGroup: any EventLoopGroup

    /// Tries the servers until one can be used.
    ///
    /// - Parameter use: the caller's use of a server; on error the next server is tried.
    /// - Throws: ``RedisError`` of the one server, or ``RedisError/noneOf(_:)`` of several; `CancellationError`.
    func first<Value>(
        isolation: isolated (any Actor)? = #isolation, _ use: (RedisEndpoint) async throws -> Value
    ) async throws -> Value {
        let servers: [RedisEndpoint]
        if configuration.sentinelMaster != nil {
            servers = [try await Sentinels(configuration: configuration, eventLoopGroup: eventLoopGroup).master()]
        } else {
            servers = configuration.servers
        }
        var failures: [RedisError] = []
        for server in servers {
            try Task.checkCancellation()
            do {
                return try await use(server)
            } catch let error as RedisError {
                failures.append(error)
            }
        }
        if failures.count == 1 { throw failures[0] }
        throw RedisError.noneOf(failures)
    }
}
