import Backplane
import Preflight
import Redis
import Time

/// Decides when a discovered hub has been without nodes for so long that it need not be watched. Times are nanoseconds
/// on the monotonic clock.
///
/// The absence must be seen from its start to its end: while Redis did not answer, a node may have come and gone.
struct HubAbsence {
    /// Longest time between two looks.
    private static let longestInterval: UInt64 = 60_000_000_000

    private let longest: UInt64
    /// When a hub was first seen without nodes.
    private var since: [CoreHub: UInt64] = [:]
    private var lookedAt: UInt64?

    /// - Parameter longest: how long a hub stays watched without nodes.
    init(longest: UInt64) {
        self.longest = longest
    }

    /// Whether it is time for a look.
    func isDue(at now: UInt64) -> Bool {
        lookedAt.map { now >= $0 + min(longest / 4, Self.longestInterval) } ?? true
    }

    /// Redis has listed the nodes.
    ///
    /// - Parameter hubs: the watched hubs, each with the number of its nodes.
    /// - Returns: hubs to leave.
    mutating func look(_ hubs: [(hub: CoreHub, nodes: Int)], at now: UInt64) -> [CoreHub] {
        lookedAt = now
        let before = since
        since = [:]
        var gone: [CoreHub] = []
        for (hub, nodes) in hubs where nodes == 0 {
            let start = before[hub] ?? now
            if now - start >= longest { gone.append(hub) } else { since[hub] = start }
        }
        return gone
    }

    /// It is unknown whether the hubs have nodes.
    mutating func forget() {
        since = [:]
        lookedAt = nil
    }
}

/// Asks Redis which discovered hubs have nodes, to leave those without any and to return to them later.
///
/// Only the channels of nodes count: other relays subscribe to `:internal:groups` too, and two relays would keep each
/// other attached for ever.
struct HubPresence {
    private let named: Set<CoreHub>
    private var scan: PacedChannelScan
    private var absence: HubAbsence

    /// - Parameter limit: maximum number of channels for which Redis is asked for names.
    init(_ attachment: CoreAttachment, limit: Int) {
        named = Set(attachment.namedHubs)
        scan = PacedChannelScan(pattern: CoreNodes.pattern(prefix: attachment.prefix), limit: limit)
        absence = HubAbsence(longest: Self.nanoseconds(attachment.emptyHubTime))
    }

    private static func nanoseconds(_ time: Duration) -> UInt64 {
        let (seconds, attoseconds) = time.components
        return UInt64(max(0, seconds)) * 1_000_000_000 + UInt64(max(0, attoseconds)) / 1_000_000_000
    }

    /// A new connection: the time since the last answer is unknown.
    mutating func connected() { absence.forget() }

    /// - Parameters:
    ///   - watched: the watched hubs.
    ///   - left: hubs that were left, and have subscribers now: nodes, or only relays.
    /// - Returns: hubs to leave, and hubs of `left` that have nodes.
    /// - Throws: `RedisError` if the connection has failed.
    mutating func look(
        _ client: RedisClient, watched: [CoreHub], left: [CoreHub]
    ) async throws -> (gone: [CoreHub], back: [CoreHub]) {
        let watched = watched.filter { !named.contains($0) }
        let isDue = !watched.isEmpty && absence.isDue(at: Moment.now().monotonic)
        guard isDue || !left.isEmpty else { return ([], []) }
        let isNew = scan.nextDelay == .zero
        switch try await scan.look(client) {
        case .failure:
            absence.forget()
            // Better watched for nothing than not watched with nodes.
            return ([], left)
        case .success where !isNew: return ([], [])
        case .success(let names):
            let gone = absence.look(
                zip(watched, CoreNodes.count(names, of: watched)).map { (hub: $0, nodes: $1) },
                at: Moment.now().monotonic)
            return (gone, zip(left, CoreNodes.count(names, of: left)).filter { $1 > 0 }.map { $0.0 })
        }
    }
}
