/// Whether a server runs in cluster mode, according to its replies.
enum ClusterMode {
    /// - Returns: nil if the reply does not say.
    static func reported(byHello reply: RESPValue) -> Bool? {
        guard let fields = reply.array else { return nil }
        for (name, value) in zip(fields, fields.dropFirst()) where name.text == "mode" {
            if let mode = value.text, !mode.isEmpty { return mode == "cluster" }
        }
        return nil
    }

    /// - Returns: nil if the reply does not say.
    static func reported(byClusterInfo reply: RESPValue) -> Bool? {
        if case .error(let text) = reply { return text.contains("cluster support disabled") ? false : nil }
        // A server in cluster mode reports cluster_state. Any other reply proves nothing.
        return reply.text?.contains("cluster_state") == true ? true : nil
    }
}

extension RedisClient {
    /// Whether the server runs in cluster mode, by `INFO`, `HELLO` and `CLUSTER INFO`.
    ///
    /// - Parameter info: the server's INFO; nil if not permitted.
    /// - Returns: nil if unknown.
    /// - Throws: ``RedisError``, except for denied commands.
    package func isCluster(_ info: RedisServerInfo?) async throws -> Bool? {
        if let mode = info?.mode, !mode.isEmpty { return mode == "cluster" }
        // Some servers omit sections of INFO unless requested.
        if let text = try await ifPermitted(["INFO", "cluster"])?.text {
            let mode = RedisServerInfo(infoText: text).mode
            if !mode.isEmpty { return mode == "cluster" }
        }
        if let reply = try await ifPermitted(["HELLO"]), let isCluster = ClusterMode.reported(byHello: reply) {
            return isCluster
        }
        do {
            return try await ifPermitted(["CLUSTER", "INFO"]).flatMap { ClusterMode.reported(byClusterInfo: $0) }
        } catch RedisError.serverError(_, let reply)
            where ClusterMode.reported(byClusterInfo: .error(reply)) == false
        {
            return false
        }
    }

    /// - Throws: ``RedisError`` if the server is a cluster or a replica, or may be one: publishing there is not
    ///   supported.
    /// - Returns: the server's INFO; nil if not permitted.
    package func requirePublishable(of configuration: RedisConfiguration) async throws -> RedisServerInfo? {
        var info: RedisServerInfo?
        do { info = try await serverInfo() } catch let error as RedisError where error.isRefusalOfCommand {}
        if let info, let objection = configuration.objection(to: info, at: endpoint) { throw objection }
        switch try await isCluster(info) {
        case true?: throw RedisError.clusterMode(endpoint: endpoint)
        case false?: return info
        case nil: throw RedisError.clusterUnknown(endpoint: endpoint)
        }
    }

    private func ifPermitted(_ command: [RESPArgument]) async throws -> RESPValue? {
        do { return try await send(command) } catch let error as RedisError where error.isRefusalOfCommand {
            return nil
        }
    }
}
