import Backplane
import Logging
import NIOCore
import Preflight
import Redis
import Time

/// Discovers hubs of ASP.NET Core SignalR, and attaches the wanted ones as they appear.
///
/// A hub without nodes stays attached: its nodes may be restarting, and their first messages must not be missed. So it
/// counts as long as the relay runs: see ``CoreAttachment/admitted(_:besides:)``.
struct HubFollower: Sendable {
    /// The longest time for the first search: the relay must start, whatever Redis does.
    static let firstLook = Duration.seconds(2)
    private static let retryDelay = Duration.seconds(5)

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

    /// Number of attached hubs.
    private var watched: Int { attached.all.count { $0.hub != nil } }

    private func findOnce() async throws -> [CoreHub] {
        let client = try await RedisClient.connect(to: redis, eventLoopGroup: eventLoopGroup)
        let hubs = await withTaskCancellationHandler {
            var discovery = HubDiscovery(attachment: attachment, limit: limit)
            return try? await discovery.find(client: client).get()
        } onCancel: {
            Task { await client.close() }
        }
        await client.close()
        return attachment.admitted(hubs ?? [], besides: watched)
    }

    /// Searches for hubs until the task is cancelled.
    ///
    /// - Parameter attach: receives discovered hubs that are not attached yet.
    func follow(_ attach: ([CoreHub]) async -> Void) async {
        var discovery = HubDiscovery(attachment: attachment, limit: limit)
        var log = EventLog(logger)
        var neighbours = NeighbourLog(prefix: attachment.prefix, logger)
        while !Task.isCancelled {
            do {
                let client = try await RedisClient.connect(to: redis, eventLoopGroup: eventLoopGroup)
                let failure = await look(&discovery, client, &neighbours, attach)
                await client.close()
                if Task.isCancelled { return }
                if let failure { throw failure }
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
        _ discovery: inout HubDiscovery, _ client: RedisClient, _ neighbours: inout NeighbourLog,
        _ attach: ([CoreHub]) async -> Void
    ) async -> (any Error)? {
        var isUnknown = false
        var refused: [CoreHub] = []
        while !Task.isCancelled {
            do {
                switch try await discovery.find(client: client) {
                case .success(let hubs):
                    isUnknown = false
                    let known = Set(attached.all)
                    let new = hubs.filter { !known.contains(.core($0)) }
                    let admitted = attachment.admitted(new, besides: watched)
                    if !admitted.isEmpty { await attach(admitted) }
                    let left = Array(new.dropFirst(admitted.count))
                    if left != refused, !left.isEmpty {
                        let reason =
                            attachment.permitsManyPatterns
                            ? "\(CoreAttachment.mostHubs) hubs are watched, and that is the most; name the hubs that you need"
                            : "more than \(CoreAttachment.fewPatterns) patterns slow down each PUBLISH of this Redis; name the hubs that you need, or confirm it"
                        logger.warning(
                            "hubs are not watched: \(reason)",
                            metadata: ["hubs": "\(left.prefix(10).map(\.topic).joined(separator: ", "))"])
                    }
                    refused = left
                    neighbours.look(attached.all.compactMap(\.hub), others: left + discovery.others)
                case .failure(let reason):
                    if !isUnknown {
                        logger.warning(
                            "cannot search for hubs of ASP.NET Core SignalR; name them instead",
                            metadata: ["cause": "\(reason)"])
                    }
                    isUnknown = true
                }
                try await Task.sleep(for: discovery.nextDelay)
            } catch is CancellationError {
                return nil
            } catch {
                return error
            }
        }
        return nil
    }
}

/// Logs hubs that come while the relay runs and are close to others, each pair once: during a rolling upgrade of .NET
/// the new nodes of a generic hub are such.
private struct NeighbourLog {
    /// Sentences that are remembered; beyond it none is logged.
    private static let most = 100

    private let neighbours: HubNeighbours
    private let logger: Logger
    private var told: Set<String> = []
    private var last: [CoreHub]?

    init(prefix: String, _ logger: Logger) {
        neighbours = HubNeighbours(prefix: prefix)
        self.logger = logger
    }

    mutating func look(_ watched: [CoreHub], others: [CoreHub]) {
        guard watched + others != last else { return }
        // These the pre-flight has told at the start.
        let isFirst = last == nil
        last = watched + others
        for sentence in neighbours.strangers(watched: watched, others: others) { tell(sentence, isKnown: isFirst) }
        for sentence in neighbours.covered(watched: watched, others: others) { tell(sentence, isKnown: false) }
    }

    private mutating func tell(_ sentence: String, isKnown: Bool) {
        guard told.count < Self.most, told.insert(sentence).inserted, !isKnown else { return }
        logger.warning("\(sentence)")
    }
}
