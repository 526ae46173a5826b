package import Backplane
package import Redis

/// The state of the target before anything is published.
package struct ReplayTarget: Sendable, Equatable {
    /// `host:port`
    package var endpoint: String
    /// nil if INFO is not permitted.
    package var server: RedisServerInfo?
    /// By the target's event key; 0 if the key does not exist, absent if GET is not permitted.
    package var counters: OrdinalNameMap<UInt64> = [:]
    /// By the target's event key; absent if PUBSUB is not permitted.
    package var subscribers: OrdinalNameMap<Int> = [:]
    /// Subscribers of a hub's channel for all clients, by the target's hub with its prefix; absent if PUBSUB is not
    /// permitted.
    package var nodes: OrdinalNameMap<Int> = [:]

    var identity: ServerIdentity {
        ServerIdentity(runID: server.flatMap { $0.runID.isEmpty ? nil : $0.runID }, endpoint: endpoint)
    }

    /// - Throws: `RedisError`, also for a replica, a cluster, and a server that may be one.
    static func look(
        _ client: RedisClient, of configuration: RedisConfiguration, channels: [String], hubs: [CoreHub] = []
    ) async throws -> ReplayTarget {
        var target = ReplayTarget(endpoint: client.endpoint)
        target.server = try await client.requirePublishable(of: configuration)
        for channel in channels {
            try await politely {
                let reply = try await client.send(["GET", .text(channel)])
                guard let text = reply.text else { return target.counters[channel] = 0 }
                guard let value = Double(text), value >= 0, value < 1e18 else {
                    throw ReplayError.idsRefused(
                        reason:
                            "the key '\(channel)' at \(client.endpoint) does not hold a counter; does it belong to another application?"
                    )
                }
                target.counters[channel] = UInt64(text) ?? UInt64(value)
            }
            try await politely {
                let parts = try await client.send(["PUBSUB", "NUMSUB", .text(channel)]).array
                if let parts, parts.count == 2, let count = parts[1].integer {
                    target.subscribers[channel] = Int(count)
                }
            }
        }
        for hub in hubs {
            try await politely {
                let parts = try await client.send(["PUBSUB", "NUMSUB", .bytes(hub.channel(.all, []))]).array
                if let parts, parts.count == 2, let count = parts[1].integer { target.nodes[hub.topic] = Int(count) }
            }
        }
        return target
    }

    private static func politely(_ body: () async throws -> Void) async throws {
        do {
            try await body()
        } catch let error as RedisError where error.isRefusalOfCommand {
            // The value stays unknown.
        }
    }
}
