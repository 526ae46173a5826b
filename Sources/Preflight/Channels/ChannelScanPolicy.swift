/// Decides whether `PUBSUB CHANNELS` may be asked, which has no cursor: Redis does nothing else until it has written the
/// names of all channels. Times are nanoseconds on the monotonic clock.
package struct ChannelScanPolicy: Sendable, Equatable {
    package enum Decision: Sendable, Equatable {
        case ask
        case leave(Reason)
    }

    /// Why it is not asked.
    package enum Reason: Sendable, Equatable {
        /// INFO is not permitted, so nobody knows how long it would take.
        case unknownNumber
        case tooMany(channels: Int, limit: Int)
        /// The last answer took so long that it is not asked again.
        case tookLong(nanoseconds: UInt64)
        case askedLately
    }

    /// 200,000 channels take Redis 0.2 s.
    package static let defaultLimit = 20_000
    /// An answer that takes longer is the last one.
    package static let quick: UInt64 = 10_000_000
    package static let pause: UInt64 = 300_000_000_000

    package let limit: Int
    private var askedAt: UInt64?
    private var tookLong: UInt64?

    /// - Parameter limit: channels up to which it is asked.
    package init(limit: Int = Self.defaultLimit) {
        self.limit = limit
    }

    /// Whether a decision could be to ask: saves the question how many channels there are.
    package func mayAsk(at now: UInt64) -> Bool {
        tookLong == nil && !wasAskedLately(at: now)
    }

    /// - Parameter channels: `pubsub_channels` of `INFO stats`; nil where it does not tell.
    package func decision(channels: Int?, at now: UInt64) -> Decision {
        if let tookLong { return .leave(.tookLong(nanoseconds: tookLong)) }
        if wasAskedLately(at: now) { return .leave(.askedLately) }
        guard let channels else { return .leave(.unknownNumber) }
        return channels > limit ? .leave(.tooMany(channels: channels, limit: limit)) : .ask
    }

    /// - Parameter duration: from the question to the answer.
    package mutating func answered(in duration: UInt64, at now: UInt64) {
        askedAt = now
        if duration > Self.quick { tookLong = duration }
    }

    /// It was decided not to ask: not thought over again at once.
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
