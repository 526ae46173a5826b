import Logging
import NIOCore
import NIOPosix
import Redis

@testable import HubNode

extension MessageBroker {
    /// A broker that is not connected to Redis and lets nothing wait for it: every publish fails.
    static func unconnected() -> MessageBroker {
        let metrics = HubMetrics(version: "test")
        // A single event loop of the group: everything runs on it.
        let executor = MultiThreadedEventLoopGroup.singleton.next().executor
        return MessageBroker(
            publisher: .unconnected(metrics: metrics, executor: executor), configuration: .ofTests, metrics: metrics,
            observer: nil, executor: executor, logger: .silent)
    }
}

extension Publisher where Self == SignalR2Publisher {
    /// A broker whose every publish fails.
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
