package import Backplane
package import Redis
import Time

/// Finds the hubs of ASP.NET Core that an attachment watches, periodically.
///
/// Uses `PUBSUB CHANNELS <prefix>*:internal:groups`, which has no cursor: Redis compares the names of all channels and
/// is blocked meanwhile. ``HubScanPace`` limits the frequency.
package struct HubDiscovery {
    private let attachment: CoreAttachment
    private var scan: PacedChannelScan
    /// Hubs of the last result that are not wanted: excluded ones, those with a longer prefix, and those that look like
    /// groups of another.
    package private(set) var others: [CoreHub] = []

    /// - Parameter limit: maximum number of channels; 0 never asks.
    package init(attachment: CoreAttachment, limit: Int = ChannelScanPolicy.defaultLimit) {
        self.attachment = attachment
        scan = PacedChannelScan(pattern: CoreDiscovery.pattern(prefix: attachment.prefix), limit: limit)
    }

    /// How long to wait before ``find(client:)`` queries again.
    package var nextDelay: Duration { scan.nextDelay }

    /// The wanted hubs that currently have nodes, by name. Before ``nextDelay`` has passed it returns the previous
    /// result.
    ///
    /// - Returns: the hubs, or why they are unknown.
    /// - Throws: `RedisError` if the connection has failed.
    package mutating func find(client: RedisClient) async throws -> Result<[CoreHub], ChannelsUnknown> {
        try await scan.look(client).map { names in
            let hubs = CoreDiscovery.hubs(in: names, prefix: attachment.prefix)
            others =
                hubs.filter { !Self.isWanted($0, attachment) }
                + CoreDiscovery.covered(in: names, prefix: attachment.prefix)
            return hubs.filter { Self.isWanted($0, attachment) }
        }
    }

    /// Type names contain no colon; a name with one belongs to a hub with a longer prefix.
    private static func isWanted(_ hub: CoreHub, _ attachment: CoreAttachment) -> Bool {
        hub.hasPlausibleType && attachment.wants(hub)
    }
}

/// How often a Redis may be asked for its hubs. Times are nanoseconds on the monotonic clock.
///
/// After a reply it waits 5,000 times the duration of the query, so that Redis spends at most 0.02 % of its time on it:
/// at least 5 s, at most five minutes.
package struct HubScanPace: Sendable, Equatable {
    /// Minimum time between two queries: five seconds.
    package static let shortest: UInt64 = 5_000_000_000
    /// Maximum time between two queries: five minutes.
    package static let longest = ChannelScanPolicy.pause
    private static let share: UInt64 = 5_000
    /// After this many slow replies in a row it stops. A single one may be caused by the network.
    private static let slowAnswers = 3

    private let limit: Int
    private var dueAt: UInt64 = 0
    private var slow = 0
    private var isOver = false

    /// - Parameter limit: maximum number of channels; 0 never asks.
    package init(limit: Int) {
        self.limit = limit
    }

    /// Time until the next query; 0 if it is due.
    package func delay(at now: UInt64) -> UInt64 {
        isOver ? Self.longest : dueAt > now ? dueAt - now : 0
    }

    /// Why it must not be used; nil if it may.
    ///
    /// - Parameter channels: `pubsub_channels` of `INFO stats`; nil if unknown.
    package func objection(channels: Int?) -> ChannelScanPolicy.Reason? {
        guard let channels else { return .unknownNumber }
        return channels > limit ? .tooMany(channels: channels, limit: limit) : nil
    }

    /// The query was not sent, or Redis refused it.
    package mutating func left(at now: UInt64) { dueAt = now + Self.longest }

    /// The query was answered.
    ///
    /// - Parameter duration: from the query to the reply, without the network time.
    /// - Returns: why no further query will be sent; nil if one will.
    package mutating func answered(in duration: UInt64, at now: UInt64) -> ChannelScanPolicy.Reason? {
        if duration > ChannelScanPolicy.quick {
            slow += 1
            dueAt = now + Self.longest
            isOver = slow >= Self.slowAnswers
            return isOver ? .tookLong(nanoseconds: duration) : nil
        }
        slow = 0
        dueAt = now + min(max(Self.shortest, duration * Self.share), Self.longest)
        return nil
    }
}

/// The names of channels that match a pattern, queried periodically at the pace of ``HubScanPace``.
package struct PacedChannelScan {
    /// For `PUBSUB CHANNELS`.
    package var pattern: [UInt8]
    private var pace: HubScanPace
    private var last: Result<[[UInt8]], ChannelsUnknown> = .success([])

    /// - Parameters:
    ///   - pattern: see ``pattern``.
    ///   - limit: maximum number of channels; 0 never asks.
    package init(pattern: [UInt8], limit: Int = ChannelScanPolicy.defaultLimit) {
        self.pattern = pattern
        pace = HubScanPace(limit: limit)
    }

    /// How long to wait before ``look(_:)`` queries again.
    package var nextDelay: Duration { .nanoseconds(Int64(clamping: pace.delay(at: Moment.now().monotonic))) }

    /// The matching names. Before ``nextDelay`` has passed this is the previous result.
    ///
    /// - Returns: the names, or why they are unknown.
    /// - Throws: `RedisError` if the connection has failed.
    package mutating func look(_ client: RedisClient) async throws -> Result<[[UInt8]], ChannelsUnknown> {
        guard pace.delay(at: Moment.now().monotonic) == 0 else { return last }
        last = try await ask(client)
        return last
    }

    /// Maximum time to compare one name with the pattern, in nanoseconds: five times the measured time per name.
    private static let longestComparison: UInt64 = 5_000

    private mutating func ask(_ client: RedisClient) async throws -> Result<[[UInt8]], ChannelsUnknown> {
        let directory = ChannelDirectory(client: client)
        let start = Moment.now().monotonic
        let channels = try await directory.numberOfChannels()
        let counted = Moment.now().monotonic
        if let reason = pace.objection(channels: channels) {
            pace.left(at: counted)
            return .failure(ChannelsUnknown(reason.description, isAboveLimit: reason.isAboveLimit))
        }
        do {
            let names = try await directory.names(matching: pattern)
            let answered = Moment.now().monotonic
            // INFO took the same network and queueing time.
            let duration = (answered - counted) - min(counted - start, answered - counted)
            // Anything longer was spent on this machine or in the network, not in Redis.
            let longest = UInt64(channels ?? 0) * Self.longestComparison
            if let reason = pace.answered(in: min(duration, longest), at: answered) {
                return .failure(ChannelsUnknown(reason.description))
            }
            return .success(names)
        } catch let error as RedisError where error.isRefusalOfCommand {
            pace.left(at: counted)
            return .failure(.notPermitted)
        }
    }
}
