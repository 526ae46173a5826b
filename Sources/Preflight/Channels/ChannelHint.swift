import Backplane
import Capture
package import Logging
package import NIOCore
package import Redis
import Time

/// Suggests a similar channel for one without other subscribers, whose name may be mistyped.
///
/// Queries at the start and then at most every five minutes, and only while there is such a channel.
package struct ChannelHint {
    private let channels: [String]
    private let logger: Logger
    private var policy: ChannelScanPolicy
    private var told: OrdinalNameMap<String> = [:]
    private var isRefusalTold = false

    package init(channels: [String], limit: Int, logger: Logger) {
        self.channels = channels
        self.logger = logger
        policy = ChannelScanPolicy(limit: limit)
    }

    /// - Parameter subscribers: of each channel, including this relay; nil if unknown.
    /// - Returns: suggestions by channel index; nil if there is nothing new.
    /// - Throws: `RedisError` if the connection has failed.
    package mutating func look(_ client: RedisClient, subscribers: [Int?]) async throws -> [String?]? {
        let lonely = channels.indices.filter { subscribers[$0].map { $0 <= 1 } ?? false }
        guard !lonely.isEmpty else { return channels.map { _ in nil } }
        guard policy.mayAsk(at: Moment.now().monotonic) else { return nil }
        let names: [String]
        do {
            switch try await ChannelDirectory(client: client).names(&policy) {
            case .success(let found): names = ChannelGroups(found).others
            case .failure(let reason):
                if !isRefusalTold {
                    logger.info("cannot list the other channels", metadata: ["cause": "\(reason)"])
                }
                isRefusalTold = true
                return nil
            }
        } catch RedisError.serverError {
            return nil
        }
        var meant: [String?] = channels.map { _ in nil }
        for index in lonely {
            let name = channels[index]
            guard let near = Self.meant(by: name, among: names, besides: channels) else { continue }
            meant[index] = near
            guard told.updateValue(near, forKey: name)?.isSameOrdinally(as: near) != true else { continue }
            logger.warning(
                "the channel has no other subscribers; did you mean '\(near)'?", metadata: ["channel": "\(name)"])
        }
        return meant
    }

    /// - Parameter others: channels already watched.
    package static func meant(by name: String, among names: [String], besides others: [String] = []) -> String? {
        NearName.nearest(
            to: name,
            among: names.filter { near in isEventKey(near) && !others.contains { $0.isSameOrdinally(as: near) } })
    }

    /// Channels private to other programs are not event keys, and names with control characters are not suggested.
    private static func isEventKey(_ name: String) -> Bool {
        !name.hasPrefix("__") && !name.hasSuffix("__Booksleeve_MasterChanged")
            && !name.unicodeScalars.contains { $0.properties.generalCategory == .control }
    }

    /// For commands without a watch: queries once, after the command should have subscribed.
    package static func once(
        redis: RedisConfiguration, channels: [String], limit: Int, eventLoopGroup: any EventLoopGroup, logger: Logger
    ) async {
        var redis = redis
        redis.clientName += "-watch"
        guard let client = try? await RedisClient.connect(to: redis, eventLoopGroup: eventLoopGroup) else { return }
        var hint = ChannelHint(channels: channels, limit: limit, logger: logger)
        do {
            // The command subscribes meanwhile: a channel without others in both checks has none.
            try await Task.sleep(for: .seconds(1))
            let parts = try await client.send(["PUBSUB", "NUMSUB"] + channels.map { .text($0) }).array ?? []
            if parts.count == channels.count * 2 {
                let counts = channels.indices.map { parts[$0 * 2 + 1].integer.map { Int($0) } }
                _ = try await hint.look(client, subscribers: counts)
            }
        } catch {
            // Only a hint: errors are ignored.
        }
        await client.close()
    }
}
