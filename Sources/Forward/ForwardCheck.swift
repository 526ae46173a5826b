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
        /// Why forwarding there is impossible.
        package var problem: (any Error)?
    }

    private let source: RedisConfiguration
    private let target: RedisConfiguration
    private let channels: [String]
    private let targetChannel: String?

    /// - Parameters:
    ///   - source: the configured address of the relay's Redis.
    ///   - channels: the watched event keys.
    ///   - targetChannel: the event key for all envelopes; nil for their original event key.
    package init(
        from source: RedisConfiguration, to target: RedisConfiguration, channels: [String], targetChannel: String?
    ) {
        self.source = source
        self.target = target
        self.channels = channels
        self.targetChannel = targetChannel
    }

    /// Queries the target over a separate connection, and changes nothing there. Problems are in the report.
    package func look(eventLoopGroup: any EventLoopGroup) async -> Report {
        var report = Report(endpoint: target.endpoint)
        do {
            let client = try await RedisClient.connect(to: target, eventLoopGroup: eventLoopGroup)
            report.endpoint = client.endpoint
            do {
                report.server = try await client.requirePublishable(of: target)
                // Before the rights, which are not needed if nothing will be published there.
                if try await returnsAtOnce(report, eventLoopGroup) {
                    throw ForwardError.targetIsSource(endpoint: report.endpoint)
                }
                try await ForwardRights(
                    client: client, user: target.aclUser, targets: Self.targets(channels, targetChannel)
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

    /// The event keys to publish on, without duplicates.
    static func targets(_ channels: [String], _ targetChannel: String?) -> [String] {
        targetChannel.map { [$0] } ?? channels
    }

    /// - Throws: only `CancellationError`; a source that cannot be reached counts as a different server.
    private func returnsAtOnce(_ report: Report, _ group: any EventLoopGroup) async throws -> Bool {
        guard let client = try? await RedisClient.connect(to: source, eventLoopGroup: group) else {
            try Task.checkCancellation()
            return false
        }
        let info = try? await client.serverInfo()
        await client.close()
        var places = LoopGuard(
            source: .init(runID: info?.runID, endpoint: client.endpoint),
            target: .init(runID: report.server?.runID, endpoint: report.endpoint), channels: channels,
            targetChannel: targetChannel)
        await places.locate()
        return places.returnsAtOnce
    }
}

extension LoopGuard {
    /// Resolves the addresses if a run id is missing; blocks on DNS.
    mutating func locate() async {
        guard source.hasNoRunID || target.hasNoRunID else { return }
        let endpoints = (source.endpoint, target.endpoint)
        let found = try? await NIOThreadPool.singleton.runIfActive { () -> (ServerPlace?, ServerPlace?) in
            let own = HostAddresses.current().own
            func place(_ endpoint: String) -> ServerPlace? {
                ServerPlace(endpoint: endpoint, seenFrom: "", here: "", own: own, resolve: HostAddresses.resolve)
            }
            return (place(endpoints.0), place(endpoints.1))
        }
        (source.place, target.place) = found ?? (nil, nil)
    }
}

/// Why the forwarder refuses to forward.
package enum ForwardError: Error, Sendable, Equatable, CustomStringConvertible {
    /// Its publishes would return to the relay they come from.
    case targetIsSource(endpoint: String)

    package var description: String {
        switch self {
        case .targetIsSource(let endpoint):
            "the forward target \(endpoint) is the watched server itself, and the event key is watched: each message would loop forever; name another server, or another event key there"
        }
    }
}
