import Backplane
package import NIOCore
package import Redis

/// The connections of a check: to what is watched, and to where nodes subscribe.
extension Preflight {
    /// What can be queried over one connection and, if it is to a replica, another one to its master.
    ///
    /// - Parameter client: a connection to what is watched; stays open.
    /// - Throws: `RedisError` if the connection has failed.
    package static func of(
        _ client: RedisClient, redis configuration: RedisConfiguration, channels: [String],
        eventLoopGroup: any EventLoopGroup
    ) async throws -> PreflightReport {
        try await withNodes(of: client, configuration, eventLoopGroup) { nodes in
            let preflight = Preflight(client: client, nodes: nodes, configuration: configuration, channels: channels)
            var report = try await preflight.look()
            if report.objection == nil { try await preflight.probe(&report) }
            return report
        }
    }

    static func with<Value>(
        _ configuration: RedisConfiguration, _ channels: [String], _ core: CoreAttachment?, _ tap: TapPolicy?,
        _ eventLoopGroup: any EventLoopGroup, _ body: (Preflight) async throws -> Value
    ) async throws -> Value {
        let client = try await RedisClient.connect(to: configuration, eventLoopGroup: eventLoopGroup)
        do {
            let value = try await withNodes(of: client, configuration, eventLoopGroup) { nodes in
                try await body(
                    Preflight(
                        client: client, nodes: nodes, configuration: configuration, channels: channels, core: core,
                        tap: tap))
            }
            await client.close()
            return value
        } catch {
            await client.close()
            throw error
        }
    }

    private static func withNodes<Value>(
        of client: RedisClient, _ configuration: RedisConfiguration, _ eventLoopGroup: any EventLoopGroup,
        _ body: (NodesPlace) async throws -> Value
    ) async throws -> Value {
        // A node of a cluster answers for all of them.
        guard configuration.use == .watch, try await !client.spanCluster(eventLoopGroup),
            case .replica? = try await client.role()
        else { return try await body(.here) }
        let master: RedisClient
        do {
            master = try await MasterSearch(configuration, eventLoopGroup: eventLoopGroup).connect(toMasterOf: client)
        } catch let error as RedisError where error.isMasterAway {
            return try await body(.unknown(error))
        }
        do {
            let value = try await body(.master(master))
            await master.close()
            return value
        } catch {
            await master.close()
            throw error
        }
    }
}
