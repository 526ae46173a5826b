import Logging
import NIOCore
import NIOPosix
import Synchronization
import TestSupport
import Testing

@testable import Redis

@Suite struct DialAttemptTests {
    private let group = MultiThreadedEventLoopGroup.singleton

    /// Otherwise the channel might be connected and receive its first bytes before the attempt knows that it has ended.
    @Test func startsOnTheLoop() async throws {
        let loop = group.next()
        let isOnLoop = Mutex(false)
        await #expect(throws: ChannelError.self) {
            _ = try await DialAttempt(on: loop).run {
                isOnLoop.withLock { $0 = loop.inEventLoop }
                return loop.makeFailedFuture(ChannelError.connectPending)
            }
        }
        #expect(isOnLoop.withLock { $0 })
    }

    /// Cancels the owner of the subscription as soon as it is established.
    private final class CancellingSink: EnvelopeSink {
        private struct State {
            var task: Task<Void, any Error>?
            var isSubscribed = false
            var causes: [DisconnectCause] = []
        }

        private let state = Mutex(State())

        var causes: [DisconnectCause] { state.withLock { $0.causes } }

        func cancelling(_ task: Task<Void, any Error>) {
            let isSubscribed = state.withLock { state in
                state.task = task
                return state.isSubscribed
            }
            if isSubscribed { task.cancel() }
        }

        func nextBatch() -> EnvelopeBatch { EnvelopeBatch() }
        func deliver(_ batch: EnvelopeBatch) {}
        func subscribed(_ subscription: Subscription) {
            let task = state.withLock { state in
                state.isSubscribed = true
                return state.task
            }
            task?.cancel()
        }
        func disconnected(_ cause: DisconnectCause) { state.withLock { $0.causes.append(cause) } }
    }

    /// The relay stopped it, however early: the capture must not say that the server closed the connection.
    @Test(.needs(.redisServer)) func stoppedAsSoonAsItIsEstablished() async throws {
        try await RedisServer.with { server in
            for _ in 0..<200 {
                let sink = CancellingSink()
                let subscriber = RedisSubscriber(
                    configuration: server.configuration, channels: ["chat"], eventLoopGroup: group, sink: sink,
                    logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
                let run = Task { try await subscriber.run() }
                sink.cancelling(run)
                try await run.value
                try #require(sink.causes == [.stopped])
            }
        }
    }
}
