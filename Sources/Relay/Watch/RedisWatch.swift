import Capture
import Logging
import NIOCore
import NIOPosix
import Preflight
import Redis

/// Asks Redis now and then, over a connection of its own, what the subscription itself cannot tell: who listens, how far
/// the counter is, how much waits for us there. It also carries out the pre-flight once.
///
/// All of it is optional: where the ACL does not permit a command, its metric is left out and everything else goes on.
struct RedisWatch: Sendable {
    static let interval = Duration.seconds(5)
    private static let firstRetry = Duration.seconds(1)
    private static let lastRetry = Duration.seconds(10)

    private let redis: RedisConfiguration
    private let channels: [String]
    private let metrics: WatchMetrics
    private let subscription: AuditedSubscription
    private let context: RelayContext
    private let eventLoopGroup: any EventLoopGroup = MultiThreadedEventLoopGroup.singleton

    private var status: RelayStatus { context.status }
    private var logger: Logger { context.logger }

    init(redis: RedisConfiguration, metrics: WatchMetrics, subscription: AuditedSubscription, context: RelayContext) {
        var redis = redis
        redis.clientName += "-watch"
        self.redis = redis
        channels = context.channels
        self.metrics = metrics
        self.subscription = subscription
        self.context = context
    }

    /// Until the task is cancelled.
    ///
    /// - Parameter maxChannelScan: as of ``ChannelScanPolicy``.
    func run(maxChannelScan: Int) async {
        var looked = false
        var wait = Self.firstRetry
        var role = RoleWatch(redis: redis, metrics: metrics, subscription: subscription, context: context)
        var subscribers = SubscriberWatch(metrics: metrics.subscriberRows, logger: logger)
        var hint = ChannelHint(channels: channels, limit: maxChannelScan, logger: logger)
        while !Task.isCancelled {
            // The subscription logs why Redis cannot be reached; a second voice would say nothing new.
            do {
                let client = try await RedisClient.connect(to: redis, eventLoopGroup: eventLoopGroup)
                wait = Self.firstRetry
                role.connected()
                subscribers.connected()
                try? await withTaskCancellationHandler {
                    if !looked {
                        try await preflight(client)
                        looked = true
                    }
                    try await poll(client, &role, &subscribers, &hint)
                } onCancel: {
                    Task { await client.close() }
                }
                metrics.forgetAnswers()
                subscribers.forget()
                await client.close()
            } catch let error as RedisError {
                // A subscription outlives that its server becomes a replica; a new connection is refused there.
                role.observe(error)
            } catch {
                // Cancelled.
            }
            // Cancelled while waiting: the loop's condition ends it.
            try? await Task.sleep(for: wait)
            wait = min(wait * 2, Self.lastRetry)
        }
    }

    private func preflight(_ client: RedisClient) async throws {
        let report = try await Preflight(client: client, configuration: redis, channels: channels).look()
        for finding in report.findings() { logger.warning("pre-flight", metadata: ["cause": "\(finding.text)"]) }
        if !report.notPermitted.isEmpty {
            logger.info(
                "some commands are not permitted; their figures are left out",
                metadata: ["commands": "\(report.notPermitted.joined(separator: " "))"])
        }
    }

    /// Until the connection fails.
    private func poll(
        _ client: RedisClient, _ role: inout RoleWatch, _ subscribers: inout SubscriberWatch, _ hint: inout ChannelHint
    ) async throws {
        var open =
            [.subscribers] + channels.indices.map { Question.counter(channel: $0) } + [
                .outputBuffer, .outputBufferLimit,
            ]
        // The looks that it compares must follow each other.
        var silence = channels.map { _ in SilenceDetector() }
        while !Task.isCancelled {
            try await role.look(client, eventLoopGroup: eventLoopGroup)
            for question in open {
                do {
                    try await ask(question, client, &silence)
                } catch let error as RedisError where error.isRefusalOfCommand {
                    open.removeAll { $0 == question }
                    forget(question)
                } catch let error as RedisError {
                    guard case .serverError = error else { throw error }
                    // Such as a key of another type: the next round may find another answer.
                    forget(question)
                    role.observe(error)
                }
            }
            try await subscribers.look(client)
            let counts = channels.indices.map { metrics.subscribers(channel: $0) }
            // While we ourselves have not subscribed, who listens alone may be a node.
            if status.isSubscribed, let meant = try await hint.look(client, subscribers: counts) {
                metrics.setMeant(meant)
            }
            // What nodes feel at once is asked twice as often.
            try await Task.sleep(for: Self.interval / 2)
            try await role.look(client, eventLoopGroup: eventLoopGroup)
            try await Task.sleep(for: Self.interval / 2)
        }
    }

    private enum Question: Equatable {
        case subscribers
        case counter(channel: Int)
        case outputBuffer
        case outputBufferLimit
    }

    private func ask(_ question: Question, _ client: RedisClient, _ silence: inout [SilenceDetector]) async throws {
        switch question {
        case .subscribers:
            let reply = try await client.send(["PUBSUB", "NUMSUB"] + channels.map { .text($0) })
            guard let parts = reply.array, parts.count == channels.count * 2 else { return forget(question) }
            for index in channels.indices {
                metrics.setSubscribers(parts[index * 2 + 1].integer.map { Int($0) }, channel: index)
            }
        case .counter(let channel):
            // Before the counter: what is published in between has not been seen, and is not expected yet.
            let envelopes = metrics.envelopes(channel: channel)
            let reply = try await client.send(["GET", .text(channels[channel])])
            guard let id = reply.text.flatMap({ UInt64($0) }) else { return forget(question) }
            metrics.setIssuedID(id, channel: channel)
            metrics.setSilent(silence[channel].look(issuedID: id, envelopes: envelopes), channel: channel)
        case .outputBuffer:
            guard let connection = status.connectionID else { return forget(question) }
            let reply = try await client.send(["CLIENT", "LIST", "ID", "\(connection)"])
            // Nothing of a connection that is gone.
            metrics.setOutputBuffer(reply.text.flatMap { InfoFields(client: $0)["omem"] }.flatMap { Int($0) })
        case .outputBufferLimit:
            // Each time: to raise it while Redis runs is the remedy when it is too low.
            let setting = try await client.send(["CONFIG", "GET", "client-output-buffer-limit"]).array?.last?.text
            let limit = setting.flatMap { PreflightReport.OutputBufferLimit(setting: $0) }
            metrics.setOutputBufferLimit(limit?.hardBytes)
        }
    }

    private func forget(_ question: Question) {
        switch question {
        case .subscribers: for index in channels.indices { metrics.setSubscribers(nil, channel: index) }
        case .counter(let channel): metrics.forgetCounter(channel: channel)
        case .outputBuffer: metrics.setOutputBuffer(nil)
        case .outputBufferLimit: metrics.setOutputBufferLimit(nil)
        }
    }
}

/// Tells a channel on which nothing happens from one that does not reach us: the counter moves, and nothing arrives.
///
/// Takes three looks: what was given out between the first two has had all the time until the third to arrive.
struct SilenceDetector {
    private struct Look {
        let issuedID: UInt64
        let envelopes: Int
    }

    private var looks: [Look] = []

    /// - Parameters:
    ///   - issuedID: the counter key's value.
    ///   - envelopes: received until now.
    mutating func look(issuedID: UInt64, envelopes: Int) -> Bool {
        defer { looks = looks.suffix(1) + [Look(issuedID: issuedID, envelopes: envelopes)] }
        guard looks.count == 2 else { return false }
        return looks[1].issuedID > looks[0].issuedID && looks[0].envelopes == envelopes
    }
}
