import Backplane
import Capture
import NIOCore
import Redis

/// Reads the counters over a separate connection, because a subscribed one may not send commands.
struct CounterReader: Sendable {
    /// The longest time for one reading, from the connection to the last reply.
    static let timeout = Duration.seconds(2)
    /// How long another node of a cluster may take to forward a message: messages arrive over the links
    /// between the nodes, usually within a millisecond.
    private static let busTime = Duration.seconds(1)

    let redis: RedisConfiguration
    let channels: [String]
    let eventLoopGroup: any EventLoopGroup

    /// Never fails, and takes at most ``timeout``, or a second more in a cluster: unreadable counters are marked.
    ///
    /// - Parameter server: the server subscribed to; nil to search for one.
    func read(at server: RedisEndpoint? = nil) async -> [CounterReading] {
        let redis = server.map { self.redis.pinned(to: $0) } ?? self.redis
        let timeout = Self.timeout + (redis.learned?.isCluster == true ? Self.busTime : .zero)
        return await withTaskGroup(of: [CounterReading]?.self) { group in
            group.addTask { try? await ask(redis) }
            group.addTask {
                try? await Task.sleep(for: timeout)
                return nil
            }
            let first = await group.next() ?? nil
            group.cancelAll()
            return first ?? channels.map { _ in .unreadable(.redisAway) }
        }
    }

    private func ask(_ redis: RedisConfiguration) async throws -> [CounterReading] {
        let client = try await RedisClient.connect(to: redis, eventLoopGroup: eventLoopGroup)
        let isCluster = redis.learned?.isCluster == true
        if isCluster {
            do { try await client.spanCluster(eventLoopGroup) } catch {
                await client.close()
                throw error
            }
        }
        let readings = await withTaskCancellationHandler {
            await withTaskGroup(of: (Int, CounterReading).self) { group in
                // All at once: a thousand channels take one round trip.
                for (index, channel) in channels.enumerated() {
                    group.addTask { (index, await reading(of: channel, client)) }
                }
                var readings = channels.map { _ in CounterReading.unreadable(.redisAway) }
                for await (index, reading) in group { readings[index] = reading }
                return readings
            }
        } onCancel: {
            Task { await client.close() }
        }
        await client.close()
        // After that time the envelopes with these ids have arrived on the subscription.
        if isCluster { try await Task.sleep(for: Self.busTime) }
        return readings
    }

    private func reading(of channel: String, _ client: RedisClient) async -> CounterReading {
        do {
            let reply = try await client.send(["GET", .text(channel)])
            guard let text = reply.text else { return .unreadable(.counterMissing) }
            return UInt64(text).map { .value($0) } ?? .unreadable(.counterNotANumber)
        } catch let error as RedisError where error.isRefusalOfCommand {
            return .unreadable(.counterNotPermitted)
        } catch RedisError.serverError(_, let reply) where reply.hasPrefix("WRONGTYPE") {
            return .unreadable(.counterNotANumber)
        } catch {
            return .unreadable(.redisAway)
        }
    }
}
