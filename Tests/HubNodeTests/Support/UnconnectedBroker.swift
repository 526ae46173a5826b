import Logging
import NIOCore
import NIOPosix
import Redis

@testable import HubNode

extension MessageBroker {
    /// One that has never reached Redis and lets nothing wait for that: every publish fails.
    static func unconnected() -> MessageBroker {
        let metrics = HubMetrics(version: "test")
        // One loop of the many: all live on it.
        let executor = MultiThreadedEventLoopGroup.singleton.next().executor
        return MessageBroker(
            publisher: .unconnected(metrics: metrics, executor: executor), configuration: .ofTests, metrics: metrics,
            observer: nil, executor: executor, logger: .silent)
    }
}

extension Publisher where Self == SignalR2Publisher {
    /// One whose every publish fails.
    static func unconnected(
        metrics: HubMetrics = HubMetrics(version: "test"),
        executor: any SerialExecutor = MultiThreadedEventLoopGroup.singleton.next().executor
    ) -> SignalR2Publisher {
        let configuration = HubNodeConfiguration.ofTests
        return SignalR2Publisher(
            bus: RedisMessageBus(
                redis: configuration.redis, channel: configuration.channel, limits: HubNodeLimits(bufferedSends: 0),
                eventLoopGroup: MultiThreadedEventLoopGroup.singleton, executor: executor, logger: .silent),
            acknowledgementTime: configuration.timing.acknowledgement, metrics: metrics, observer: nil,
            executor: executor, logger: .silent)
    }
}

extension HubNodeConfiguration {
    fileprivate static var ofTests: HubNodeConfiguration {
        HubNodeConfiguration(redis: RedisConfiguration(host: "redis.invalid"), channel: "chatapp", name: "test")
    }
}
