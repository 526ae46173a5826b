import Logging
import NIOCore
import NIOPosix
import Redis

@testable import HubNode

extension MessageBroker {
    /// One that has never reached Redis and lets nothing wait for that: every publish fails.
    static func unconnected() -> MessageBroker {
        let group = MultiThreadedEventLoopGroup.singleton
        let configuration = HubNodeConfiguration(
            redis: RedisConfiguration(host: "redis.invalid"), channel: "chatapp", name: "test")
        // One loop of the many: both live on it.
        let executor = group.next().executor
        return MessageBroker(
            bus: RedisMessageBus(
                redis: configuration.redis, channel: configuration.channel, limits: HubNodeLimits(bufferedSends: 0),
                eventLoopGroup: group,
                executor: executor, logger: .silent),
            configuration: configuration, metrics: HubMetrics(version: "test"), observer: nil, executor: executor,
            logger: .silent)
    }
}
