/// Decides whether `PUBSUB CHANNELS` may be used. It has no cursor: Redis is blocked until it has listed all channels.
/// Times are nanoseconds on the monotonic clock.
package struct ChannelScanPolicy: Sendable, Equatable {
    /// Whether to send `PUBSUB CHANNELS`, or why not.
    package enum Decision: Sendable, Equatable {
        case ask
        case leave(Reason)
    }

    /// Why it is not used.
    package enum Reason: Sendable, Equatable {
        /// INFO is not permitted, so the duration is unknown.
        case unknownNumber
        case tooMany(channels: Int, limit: Int)
        /// The last reply took too long to use it again.
        case tookLong(nanoseconds: UInt64)
        case askedLately
    }

    /// Maximum number of channels by default. Redis takes 0.2 s for 200,000 channels, so about 20 ms for this many.
    package static let defaultLimit = 20_000
    /// Maximum duration of a query, in nanoseconds. After a slower reply no further query is sent.
    package static let quick: UInt64 = 10_000_000
    /// Minimum time between two queries: five minutes.
    package static let pause: UInt64 = 300_000_000_000

    /// Maximum number of channels.
    package let limit: Int
    private var askedAt: UInt64?
    private var tookLong: UInt64?

    /// - Parameter limit: maximum number of channels.
    package init(limit: Int = Self.defaultLimit) {
        self.limit = limit
    }

    /// False if ``decision(channels:at:)`` would refuse for any number of channels, so the number need not be queried.
    package func mayAsk(at now: UInt64) -> Bool {
        tookLong == nil && !wasAskedLately(at: now)
    }

    /// - Parameter channels: `pubsub_channels` of `INFO stats`; nil if unknown.
    package func decision(channels: Int?, at now: UInt64) -> Decision {
        if let tookLong { return .leave(.tookLong(nanoseconds: tookLong)) }
        if wasAskedLately(at: now) { return .leave(.askedLately) }
        guard let channels else { return .leave(.unknownNumber) }
        return channels > limit ? .leave(.tooMany(channels: channels, limit: limit)) : .ask
    }

    /// The query was answered.
    ///
    /// - Parameter duration: from the query to the reply.
    package mutating func answered(in duration: UInt64, at now: UInt64) {
        askedAt = now
        if duration > Self.quick { tookLong = duration }
    }

    /// The query was not sent; it is not considered again for ``pause``.
    package mutating func left(at now: UInt64) { askedAt = now }

    private func wasAskedLately(at now: UInt64) -> Bool {
        askedAt.map { now < $0 + Self.pause } ?? false
    }
}

extension ChannelScanPolicy.Reason: CustomStringConvertible {
    var isAboveLimit: Bool { if case .tooMany = self { true } else { false } }

    package var description: String {
        switch self {
        case .unknownNumber:
            "PUBSUB CHANNELS is not used: INFO is not permitted, so the number of channels is unknown"
        case .tooMany(let channels, let limit):
            "PUBSUB CHANNELS is not used: Redis has \(channels) channels, more than \(limit), and listing them would block it; a higher limit permits that"
        case .tookLong(let nanoseconds):
            "PUBSUB CHANNELS is not used again: the last answer took \(nanoseconds / 1_000_000) ms"
        case .askedLately: "PUBSUB CHANNELS was used less than five minutes ago"
        }
    }
}
