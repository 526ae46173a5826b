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

    /// - Parameters:
    ///   - channels: event keys of SignalR 2.
    ///   - limit: maximum number of channels for which Redis is asked for names.
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
        } catch let error as RedisError where error.concernsOneAnswer {
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

    /// The channel that was probably meant; nil if none is similar enough.
    ///
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
        // Nodes subscribe to the master.
        guard let client = try? await MasterSearch(redis, eventLoopGroup: eventLoopGroup).connect() else { return }
        var hint = ChannelHint(channels: channels, limit: limit, logger: logger)
        do {
            // The command subscribes in between, so only a channel that is alone in both checks has no other
            // subscribers.
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

/// Suggestions for mistyped names.
package enum NearName {
    /// The only name that differs just by case or Unicode form, is similar, or is the typed one with a prefix or suffix
    /// (`channelPrefix`).
    ///
    /// - Parameter names: existing names; the typed one is ignored.
    /// - Returns: nil if nothing is similar enough.
    package static func nearest(to typed: String, among names: some Sequence<String>) -> String? {
        let lowercased = typed.lowercased()
        let limit = min(2, max(1, typed.count / 3))
        var best: (name: String, distance: Int)?
        var containing: [String] = []
        for name in names where !name.isSameOrdinally(as: typed) {
            let other = name.lowercased()
            if other == lowercased { return name }
            let distance = abs(other.count - lowercased.count) > limit ? .max : distance(lowercased, other)
            if distance <= limit, distance < best?.distance ?? .max { best = (name, distance) }
            if typed.count >= 3, containing.count < 2, other.hasSuffix(lowercased) || other.hasPrefix(lowercased) {
                containing.append(name)
            }
        }
        return best?.name ?? (containing.count == 1 ? containing[0] : nil)
    }

    /// Number of insertions, deletions, substitutions and swaps of neighbours that turn one word into the other.
    package static func distance(_ first: String, _ second: String) -> Int {
        let (first, second) = (Array(first.prefix(64)), Array(second.prefix(64)))
        guard !first.isEmpty, !second.isEmpty else { return max(first.count, second.count) }
        var beforeLast: [Int] = []
        var last = Array(0...second.count)
        for row in 1...first.count {
            var current = [row]
            for column in 1...second.count {
                let isSame = first[row - 1] == second[column - 1]
                var least = min(last[column] + 1, current[column - 1] + 1, last[column - 1] + (isSame ? 0 : 1))
                if row > 1, column > 1, first[row - 1] == second[column - 2], first[row - 2] == second[column - 1] {
                    least = min(least, beforeLast[column - 2] + 1)
                }
                current.append(least)
            }
            (beforeLast, last) = (last, current)
        }
        return last[second.count]
    }
}
