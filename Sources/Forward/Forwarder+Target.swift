import NIOConcurrencyHelpers
import Redis

/// Whether the target may be published to.
extension Forwarder {
    /// - Throws: `RedisError` for a replica or a cluster, to which nodes do not publish, and for a missing right;
    ///   ``ForwardError`` for the watched server.
    func accepted(_ client: RedisClient) async throws -> RedisClient {
        let info = try await client.requirePublishable(of: target)
        var found = places.withLockedValue { places in
            places.target = .init(runID: info?.identity, history: info?.history, endpoint: client.endpoint)
            return places
        }
        let before = found.source
        await found.locate()
        let objection = places.withLockedValue { [found] places in
            places.target = found.target
            // The relay may have switched servers meanwhile.
            if places.source == before { places.source = found.source }
            return places.objection
        }
        if let objection { throw objection }
        try await ForwardRights(
            client: client, user: target.aclUser, targets: found.route.targets(of: found.channels)
        ).require()
        return client
    }

    /// Asks a target in use for what ``LoopGuard`` compares.
    ///
    /// - Throws: as above, except ``ForwardError``.
    func refresh(_ client: RedisClient) async throws {
        let info = try await client.requirePublishable(of: target)
        places.withLockedValue { $0.target.history = info?.history }
    }
}
