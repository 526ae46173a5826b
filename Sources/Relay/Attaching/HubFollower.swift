import Backplane
import Logging
import NIOCore
import Preflight
import Redis
import Time

/// What a ``HubFollower`` has found out about hubs.
enum HubChange: Sendable {
    /// Hubs to attach for the first time.
    case found([CoreHub])
    /// Hubs that were left have nodes again.
    case returned([CoreHub])
    /// Hubs to leave: they have had no nodes for too long.
    case gone([CoreHub])
}

/// Discovers hubs of ASP.NET Core SignalR as they come and go.
///
/// A hub without nodes stays watched for some time: its nodes may be restarting, and their first messages must not be
/// missed. See ``CoreAttachment/emptyHubTime``.
struct HubFollower: Sendable {
    /// The longest time for the first search: the relay must start, whatever Redis does.
    static let firstLook = Duration.seconds(2)
    private static let retryDelay = Duration.seconds(5)
    /// The same if only a replica can be asked, to which nodes do not subscribe.
    private static let masterDelay = Duration.seconds(30)

    private let redis: RedisConfiguration
    private let attachment: CoreAttachment
    private let limit: Int
    private let attached: AttachedChannels
    private let eventLoopGroup: any EventLoopGroup
    private let logger: Logger

    /// - Parameter limit: maximum number of channels for which Redis is asked for names.
    /// - Returns: nil if no hubs are to be discovered.
    init?(
        redis: RedisConfiguration, attachment: CoreAttachment?, limit: Int, attached: AttachedChannels,
        eventLoopGroup: any EventLoopGroup, logger: Logger
    ) {
        guard let attachment, attachment.findsHubs else { return nil }
        self.redis = redis
        self.attachment = attachment
        self.limit = limit
        self.attached = attached
        self.eventLoopGroup = eventLoopGroup
        self.logger = logger
    }

    /// The hubs present at the start; empty if Redis does not answer in time: ``follow(_:)`` then reports that.
    func findFirst() async -> [CoreHub] {
        await withTaskGroup(of: [CoreHub].self) { group in
            group.addTask { (try? await findOnce()) ?? [] }
            group.addTask {
                try? await Task.sleep(for: Self.firstLook)
                return []
            }
            let first = await group.next() ?? []
            group.cancelAll()
            return first
        }
    }

    private func findOnce() async throws -> [CoreHub] {
        let client = try await MasterSearch(redis, eventLoopGroup: eventLoopGroup).connect()
        let hubs = await withTaskCancellationHandler {
            var discovery = HubDiscovery(attachment: attachment, limit: limit)
            return try? await discovery.find(client: client).get()
        } onCancel: {
            Task { await client.close() }
        }
        await client.close()
        return attachment.admitted(hubs ?? [], besides: attached.watchedHubs.count)
    }

    /// What is kept between connections.
    private struct Search {
        var discovery: HubDiscovery
        var presence: HubPresence
        var neighbours: NeighbourLog
        /// Whether Redis does not list its channels, which has been logged.
        var isUnknown = false
        /// Hubs beyond the limit, which have been logged.
        var refused: [CoreHub] = []
    }

    /// Searches for hubs until the task is cancelled.
    ///
    /// - Parameter apply: receives the changes, one after the other.
    func follow(_ apply: (HubChange) async -> Void) async {
        var search = Search(
            discovery: HubDiscovery(attachment: attachment, limit: limit),
            presence: HubPresence(attachment, limit: limit), neighbours: NeighbourLog(attachment, logger))
        var log = EventLog(logger)
        var lastReason = LastReason()
        while !Task.isCancelled {
            do {
                // Nodes subscribe to the master.
                let client = try await MasterSearch(redis, eventLoopGroup: eventLoopGroup).connect()
                lastReason.clear()
                search.presence.connected()
                let failure = await look(&search, client, apply)
                await client.close()
                if Task.isCancelled { return }
                if let failure { throw failure }
            } catch let error as RedisError where error.isMasterAway {
                if lastReason.changes(to: error.description) {
                    logger.warning("cannot search for hubs, trying again", metadata: ["cause": "\(error)"])
                }
                try? await Task.sleep(for: Self.masterDelay)
            } catch is NodesElsewhere {
                // The next connection is to the new master.
            } catch {
                log.write(
                    .warning, "cannot search for hubs, trying again", kind: "hubs", at: Moment.now().monotonic,
                    ["cause": "\(error)"])
                try? await Task.sleep(for: Self.retryDelay)
            }
        }
    }

    /// - Returns: why the connection has failed; nil on cancellation.
    private func look(
        _ search: inout Search, _ client: RedisClient, _ apply: (HubChange) async -> Void
    ) async -> (any Error)? {
        while !Task.isCancelled {
            do {
                if !client.answersForCluster, case .replica? = try await client.role() { throw NodesElsewhere() }
                switch try await search.discovery.find(client: client) {
                case .success(let hubs):
                    search.isUnknown = false
                    try await compare(hubs, &search, client, apply)
                case .failure(let reason):
                    // Hubs that could not be found again are not left.
                    if !search.isUnknown {
                        logger.warning(
                            "cannot search for hubs of ASP.NET Core SignalR; name them instead",
                            metadata: ["cause": "\(reason)"])
                    }
                    search.isUnknown = true
                }
                try await Task.sleep(for: search.discovery.nextDelay)
            } catch is CancellationError {
                return nil
            } catch {
                return error
            }
        }
        return nil
    }

    /// - Parameter hubs: those found now.
    private func compare(
        _ hubs: [CoreHub], _ search: inout Search, _ client: RedisClient, _ apply: (HubChange) async -> Void
    ) async throws {
        let watched = attached.watchedHubs
        let known = Set(attached.all.compactMap(\.hub))
        let left = known.subtracting(watched)
        let (gone, back) = try await search.presence.look(
            client, watched: watched, left: hubs.filter { left.contains($0) })
        // First: what is left makes room.
        if !gone.isEmpty { await apply(.gone(gone)) }
        let candidates = back + hubs.filter { !known.contains($0) }.prefix(AttachedChannels.limit - attached.all.count)
        let admitted = attachment.admitted(candidates, besides: watched.count - gone.count)
        let (returned, found) = (admitted.filter { left.contains($0) }, admitted.filter { !left.contains($0) })
        if !returned.isEmpty { await apply(.returned(returned)) }
        if !found.isEmpty { await apply(.found(found)) }
        refuse((back + hubs.filter { !known.contains($0) }).filter { !admitted.contains($0) }, &search)
        search.neighbours.look(attached.watchedHubs, others: search.refused + search.discovery.others)
    }

    /// Logs hubs that are not watched because of a limit, once.
    private func refuse(_ hubs: [CoreHub], _ search: inout Search) {
        defer { search.refused = hubs }
        guard hubs != search.refused, !hubs.isEmpty else { return }
        let reason =
            attached.all.count >= AttachedChannels.limit
            ? "\(AttachedChannels.limit) different hubs were watched since the start, and that is the most; restart the relay"
            : attachment.permitsManyPatterns
                ? "\(CoreAttachment.mostHubs) hubs are watched, and that is the most; name the hubs that you need"
                : "more than \(CoreAttachment.fewPatterns) patterns slow down each PUBLISH of this Redis; name the hubs that you need, or confirm it"
        logger.warning(
            "hubs are not watched: \(reason)",
            metadata: ["hubs": "\(hubs.prefix(10).map(\.topic).joined(separator: ", "))"])
    }
}

/// The server that was asked for hubs has become a replica: nodes subscribe to another one.
private struct NodesElsewhere: Error {}
