package import NIOCore

/// Finds the server at which nodes subscribe and publish: the master itself, or the master of a watched replica.
package struct MasterSearch: Sendable {
    /// Longest chain of replicas that is followed.
    private static let mostHops = 4
    /// The longest wait for each answer of a master, in milliseconds: other queries must not be delayed for long.
    private static let patience: Int64 = 2_000

    private let configuration: RedisConfiguration
    private let eventLoopGroup: any EventLoopGroup

    /// - Parameter configuration: of what is watched; the master gets the same login.
    package init(_ configuration: RedisConfiguration, eventLoopGroup: any EventLoopGroup) {
        self.configuration = configuration
        self.eventLoopGroup = eventLoopGroup
    }

    /// Connects to the master of the watched server, or to a node of a cluster, whose client answers for all nodes.
    ///
    /// - Throws: ``RedisError`` if what is watched cannot be reached; ``RedisError/masterAway(replica:master:reason:)``
    ///   if it is a replica whose master cannot be asked; `CancellationError`.
    package func connect() async throws -> RedisClient {
        if configuration.hasChoice {
            // Sentinels, or the address, name the master.
            do {
                let client = try await RedisClient.connect(to: direct, eventLoopGroup: eventLoopGroup)
                return try await client.first { try await client.spanCluster(eventLoopGroup) }
            } catch is RedisError {}
        }
        let client = try await RedisClient.connect(to: configuration, eventLoopGroup: eventLoopGroup)
        do {
            if try await client.spanCluster(eventLoopGroup) { return client }
            guard case .replica? = try await client.role() else { return client }
            let master = try await connect(toMasterOf: client)
            await client.close()
            return master
        } catch {
            await client.close()
            throw error
        }
    }

    /// Connects to the master of a replica, which stays connected.
    ///
    /// - Throws: ``RedisError/masterAway(replica:master:reason:)``, ``RedisError`` if the connection of the replica has
    ///   failed; `CancellationError`.
    package func connect(toMasterOf replica: RedisClient) async throws -> RedisClient {
        var asked = replica
        var found: RedisEndpoint?
        do {
            for _ in 0..<Self.mostHops {
                guard case .replica(let master, _)? = try await asked.role() else { break }
                found = master
                let next = try await RedisClient.connect(to: near(master), eventLoopGroup: eventLoopGroup)
                if asked !== replica { await asked.close() }
                asked = next
            }
            guard asked !== replica else { throw RedisError.serverError(command: "ROLE", reply: "it is not a replica") }
            guard case .replica? = try await asked.role() else { return asked }
            throw RedisError.replica(endpoint: asked.endpoint, master: nil)
        } catch let error as RedisError {
            if asked !== replica { await asked.close() }
            // The address that the replica knows may not be reachable from here.
            if configuration.hasChoice,
                let master = try? await RedisClient.connect(to: direct, eventLoopGroup: eventLoopGroup)
            {
                return master
            }
            try Task.checkCancellation()
            throw RedisError.masterAway(
                replica: replica.endpoint, master: found?.description ?? "at an unknown address",
                reason: error.description)
        } catch {
            if asked !== replica { await asked.close() }
            throw error
        }
    }

    /// The configuration for the master that sentinels or the address name.
    private var direct: RedisConfiguration {
        var direct = configuration
        direct.use = .publish
        direct.connectTimeoutMilliseconds = min(direct.connectTimeoutMilliseconds, Self.patience)
        return direct
    }

    private func near(_ master: RedisEndpoint) -> RedisConfiguration {
        var near = configuration.pinned(to: master)
        near.connectTimeoutMilliseconds = min(near.connectTimeoutMilliseconds, Self.patience)
        near.answerTimeoutMilliseconds = min(near.answerTimeoutMilliseconds, Self.patience)
        return near
    }
}

extension RedisClient {
    /// The server's role by `ROLE`, or by `INFO replication`; nil if neither is permitted.
    ///
    /// - Throws: ``RedisError`` if the connection has failed.
    package func role() async throws -> RedisRole? {
        do {
            if let role = RedisRole(reply: try await send(["ROLE"])) { return role }
        } catch let error as RedisError where error.isRefusalOfCommand {}
        do {
            guard let info = try await send(["INFO", "replication"]).text.map({ RedisServerInfo(infoText: $0) }) else {
                return nil
            }
            switch info.role {
            case "master": return .master
            case "slave", "replica":
                return info.masterPlace.map { .replica(of: $0, isLinked: info.isLinked) }
            default: return nil
            }
        } catch let error as RedisError where error.isRefusalOfCommand {
            return nil
        }
    }
}

/// Looks at the role of a server before it is used for anything.
struct ServerProbe: Sendable {
    let eventLoopGroup: any EventLoopGroup

    /// - Parameter configuration: with what the server must be.
    /// - Throws: ``RedisError`` if the server is neither, cannot be reached, or is cut off from its cluster.
    func look(at server: RedisEndpoint, _ configuration: RedisConfiguration) async throws {
        let client = try await RedisClient.connect(
            to: server, of: configuration, purpose: .server, on: eventLoopGroup.next())
        try await client.first {
            if try await client.isCluster(nil) == true, try await client.clusterState()?.isOK == false {
                throw RedisError.cutOff(endpoint: client.endpoint)
            }
        }
        await client.close()
    }
}
