package import Backplane
package import NIOCore
import NIOPosix
package import Redis

/// Checks the target of a live forward before anything is sent: whether it can be reached, accepts publishes, and is
/// not the watched server and event key itself.
package struct ForwardCheck: Sendable {
    /// The result of the check.
    package struct Report: Sendable {
        /// `host:port`
        package var endpoint: String
        /// nil if INFO is not permitted, or the target cannot be used.
        package var server: RedisServerInfo?
        /// Why the target cannot be used.
        package var problem: (any Error)?
    }

    private let source: RedisConfiguration
    private let target: RedisConfiguration
    private let channels: [BackplaneChannel]
    private let route: ForwardRoute

    /// - Parameters:
    ///   - source: the configured address of the watched Redis.
    ///   - channels: the watched event keys, and the hubs known so far.
    ///   - route: maps them to the target.
    package init(
        from source: RedisConfiguration, to target: RedisConfiguration, channels: [BackplaneChannel],
        route: ForwardRoute
    ) {
        self.source = source
        self.target = target
        self.channels = channels
        self.route = route
    }

    /// Queries the target over a separate connection, and changes nothing there. Problems are in the report.
    package func look(eventLoopGroup: any EventLoopGroup) async -> Report {
        var report = Report(endpoint: target.endpoint)
        do {
            let client = try await RedisClient.connect(to: target, eventLoopGroup: eventLoopGroup)
            report.endpoint = client.endpoint
            do {
                report.server = try await client.requirePublishable(of: target)
                // First: a refused target needs no rights.
                if let objection = try await objection(to: report, eventLoopGroup) { throw objection }
                try await ForwardRights(
                    client: client, user: target.aclUser, targets: route.targets(of: channels)
                ).require()
                await client.close()
            } catch {
                await client.close()
                throw error
            }
        } catch {
            report.problem = error
        }
        return report
    }

    /// - Throws: only `CancellationError`. If the source cannot be reached, it counts as a different server.
    private func objection(to report: Report, _ group: any EventLoopGroup) async throws -> ForwardError? {
        guard let client = try? await RedisClient.connect(to: source, eventLoopGroup: group) else {
            try Task.checkCancellation()
            return nil
        }
        let info = try? await client.serverInfo()
        await client.close()
        var places = LoopGuard(
            source: .init(
                runID: info?.identity, history: info?.history, isReplica: info?.master != nil, master: info?.master,
                endpoint: client.endpoint),
            target: .init(
                runID: report.server?.identity, history: report.server?.history, endpoint: report.endpoint),
            channels: channels, route: route)
        await places.locate()
        return places.objection
    }
}

extension LoopGuard {
    /// Resolves the addresses if a run id is missing; blocks on DNS.
    mutating func locate() async {
        guard source.hasNoRunID || target.hasNoRunID else { return }
        let endpoints = (source.endpoint, target.endpoint, source.master)
        let found = try? await NIOThreadPool.singleton.runIfActive { () -> (ServerPlace?, ServerPlace?, ServerPlace?) in
            let own = HostAddresses.current().own
            func place(_ endpoint: String) -> ServerPlace? {
                ServerPlace(endpoint: endpoint, seenFrom: "", here: "", own: own, resolve: HostAddresses.resolve)
            }
            return (place(endpoints.0), place(endpoints.1), endpoints.2.flatMap(place))
        }
        (source.place, target.place, source.masterPlace) = found ?? (nil, nil, nil)
    }
}

/// Why the forwarder refuses to forward.
package enum ForwardError: Error, Sendable, Equatable, CustomStringConvertible {
    /// Its publishes would return to the relay they come from.
    case targetIsSource(endpoint: String)
    /// The same for a hub of ASP.NET Core.
    case targetIsSourceHub(endpoint: String, hub: String)

    package var description: String {
        switch self {
        case .targetIsSource(let endpoint):
            "the forward target \(endpoint) is the watched server itself, or the master of the watched replica, and the event key is watched: each message would loop forever; name another server, or another event key there"
        case .targetIsSourceHub(let endpoint, let hub):
            "the forward target \(endpoint) is the watched server itself, or the master of the watched replica, and the hub '\(hub)' with its prefix is watched: each message would loop forever; name another server, or another prefix there"
        }
    }
}
