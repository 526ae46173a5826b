package import Redis
import Time

/// The names of channels that match a pattern, queried periodically at the pace of ``HubScanPace``.
package struct PacedChannelScan {
    private let pattern: [UInt8]
    private var pace: HubScanPace
    private var last: Result<[[UInt8]], ChannelsUnknown> = .success([])

    /// - Parameters:
    ///   - pattern: for `PUBSUB CHANNELS`.
    ///   - limit: maximum number of channels; 0 never asks.
    package init(pattern: [UInt8], limit: Int = ChannelScanPolicy.defaultLimit) {
        self.pattern = pattern
        pace = HubScanPace(limit: limit)
    }

    /// How long to wait before ``look(_:)`` queries again.
    package var nextDelay: Duration { .nanoseconds(Int64(clamping: pace.delay(at: Moment.now().monotonic))) }

    /// Before ``nextDelay`` has passed it returns the previous result.
    ///
    /// - Returns: the names, or why they are unknown.
    /// - Throws: `RedisError` if the connection has failed.
    package mutating func look(_ client: RedisClient) async throws -> Result<[[UInt8]], ChannelsUnknown> {
        guard pace.delay(at: Moment.now().monotonic) == 0 else { return last }
        last = try await ask(client)
        return last
    }

    /// Of one name with the pattern, nanoseconds: five times what 200,000 names were seen to take.
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
            // Redis needs no longer for each name: the rest is this machine's or the network's.
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
