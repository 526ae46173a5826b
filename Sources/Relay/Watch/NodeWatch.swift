import Backplane
import Logging
import Preflight
import Redis

/// Counts the nodes of the watched hubs of ASP.NET Core, at a pace that Redis can bear.
struct NodeWatch {
    private let metrics: WatchMetrics
    private let limit: Int
    private let logger: Logger
    /// nil until a hub is attached; all hubs of a relay have the same prefix.
    private var scan: PacedChannelScan?
    private var isUnknown = false
    /// True after a new connection until the next count: the last one may be from before an outage.
    private var isStale = false

    /// - Parameter limit: maximum number of channels for which Redis is asked for names.
    init(metrics: WatchMetrics, limit: Int, logger: Logger) {
        self.metrics = metrics
        self.limit = limit
        self.logger = logger
    }

    /// A new connection.
    mutating func connected() { isStale = true }

    /// - Parameters:
    ///   - client: to where the nodes subscribe; nil if that cannot be asked.
    ///   - hubs: with the indexes of their channels.
    /// - Throws: `RedisError` if the connection has failed.
    mutating func look(_ client: RedisClient?, hubs: [(index: Int, hub: CoreHub)]) async throws {
        guard let prefix = hubs.first?.hub.prefix else { return }
        guard let client else {
            for hub in hubs { metrics.setNodes(nil, channel: hub.index) }
            return
        }
        var scan = self.scan ?? PacedChannelScan(pattern: CoreNodes.pattern(prefix: prefix), limit: limit)
        defer { self.scan = scan }
        if isStale, scan.nextDelay > .zero { return }
        isStale = false
        do {
            switch try await scan.look(client) {
            case .success(let channels):
                isUnknown = false
                let counts = CoreNodes.count(channels, of: hubs.map(\.hub))
                for (hub, count) in zip(hubs, counts) { metrics.setNodes(count, channel: hub.index) }
            case .failure(let reason):
                if !isUnknown {
                    logger.info("the nodes of hubs are not counted", metadata: ["cause": "\(reason)"])
                }
                isUnknown = true
                for hub in hubs { metrics.setNodes(nil, channel: hub.index) }
            }
        } catch let error as RedisError where error.concernsOneAnswer {
            // For example while it is loading.
            for hub in hubs { metrics.setNodes(nil, channel: hub.index) }
        }
    }
}
