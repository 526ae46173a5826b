package import Backplane
package import Redis

/// Finds the hubs of ASP.NET Core that an attachment watches, again and again.
///
/// Asks `PUBSUB CHANNELS <prefix>*:internal:groups`, which has no cursor: Redis compares the names of all channels and
/// serves nobody meanwhile. ``HubScanPace`` says how often that may be.
package struct HubDiscovery {
    private let attachment: CoreAttachment
    private var scan: PacedChannelScan

    /// - Parameter limit: channels up to which Redis is asked; 0 never asks.
    package init(attachment: CoreAttachment, limit: Int = ChannelScanPolicy.defaultLimit) {
        self.attachment = attachment
        scan = PacedChannelScan(pattern: CoreDiscovery.pattern(prefix: attachment.prefix), limit: limit)
    }

    /// How long to wait until ``find(client:)`` asks again.
    package var nextDelay: Duration { scan.nextDelay }

    /// The hubs that have nodes now and are wanted, by name. Before ``nextDelay`` has passed it answers as before.
    ///
    /// - Returns: the hubs, or why nobody can tell.
    /// - Throws: `RedisError` if the connection has failed.
    package mutating func find(client: RedisClient) async throws -> Result<[CoreHub], ChannelsUnknown> {
        try await scan.look(client).map { [attachment] names in Self.wanted(names, attachment) }
    }

    /// A type with a colon is none: that hub has a longer prefix.
    static func wanted(_ channels: [[UInt8]], _ attachment: CoreAttachment) -> [CoreHub] {
        CoreDiscovery.hubs(in: channels, prefix: attachment.prefix).filter {
            $0.hasPlausibleType && attachment.wants($0)
        }
    }
}

/// How often a Redis may be asked for its hubs. Times are nanoseconds on the monotonic clock.
///
/// After an answer it waits 5,000 times as long as that took, so that Redis spends at most 0.02 % of its time on it:
/// at least 5 s, at most five minutes.
package struct HubScanPace: Sendable, Equatable {
    package static let shortest: UInt64 = 5_000_000_000
    package static let longest = ChannelScanPolicy.pause
    private static let share: UInt64 = 5_000
    /// So many slow answers in a row are the last ones. One alone may be the fault of the network.
    private static let slowAnswers = 3

    private let limit: Int
    private var dueAt: UInt64 = 0
    private var slow = 0
    private var isOver = false

    package init(limit: Int) {
        self.limit = limit
    }

    /// Until the next question; 0 if it may be asked now.
    package func delay(at now: UInt64) -> UInt64 {
        isOver ? Self.longest : dueAt > now ? dueAt - now : 0
    }

    /// Why it is not to be asked; nil if it is.
    ///
    /// - Parameter channels: `pubsub_channels` of `INFO stats`; nil where it does not tell.
    package func objection(channels: Int?) -> ChannelScanPolicy.Reason? {
        guard let channels else { return .unknownNumber }
        return channels > limit ? .tooMany(channels: channels, limit: limit) : nil
    }

    /// It was decided not to ask, or Redis refused.
    package mutating func left(at now: UInt64) { dueAt = now + Self.longest }

    /// - Parameter duration: from the question to the answer, without what the way takes.
    /// - Returns: why it will not be asked again; nil if it will.
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
