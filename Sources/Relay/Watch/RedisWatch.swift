import Backplane
import Capture
import Logging
import NIOCore
import NIOPosix
import Preflight
import Redis

/// Polls Redis over a separate connection for what the subscription cannot show: subscribers, counters, and the output
/// buffer. It also performs the pre-flight once.
///
/// All of it is optional: if the ACL does not permit a command, only its metric is left out.
struct RedisWatch: Sendable {
    static let interval = Duration.seconds(5)
    private static let firstRetry = Duration.seconds(1)
    private static let lastRetry = Duration.seconds(10)

    private let redis: RedisConfiguration
    /// Event keys of SignalR 2: the first of all channels, by index.
    private let keys: [String]
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
        keys = context.attached.keys
        self.metrics = metrics
        self.subscription = subscription
        self.context = context
    }

    /// Runs until the task is cancelled.
    ///
    /// - Parameter maxChannelScan: see ``ChannelScanPolicy``.
    func run(maxChannelScan: Int) async {
        var looked = false
        var wait = Self.firstRetry
        var role = RoleWatch(redis: redis, metrics: metrics, subscription: subscription, context: context)
        var subscribers = SubscriberWatch(metrics: metrics.subscriberRows, logger: logger)
        var nodes = NodeWatch(metrics: metrics, limit: maxChannelScan, logger: logger)
        var hint = ChannelHint(channels: keys, limit: maxChannelScan, logger: logger)
        while !Task.isCancelled {
            // The subscription already logs why Redis cannot be reached.
            do {
                let client = try await RedisClient.connect(to: redis, eventLoopGroup: eventLoopGroup)
                wait = Self.firstRetry
                role.connected()
                subscribers.connected()
                nodes.connected()
                try? await withTaskCancellationHandler {
                    if !looked {
                        try await preflight(client)
                        looked = true
                    }
                    try await poll(client, &role, &subscribers, &nodes, &hint)
                } onCancel: {
                    Task { await client.close() }
                }
                metrics.forgetAnswers()
                subscribers.forget()
                await client.close()
            } catch let error as RedisError {
                // A subscription survives a demotion of its server to a replica; a new connection is refused there.
                role.observe(error)
            } catch {
                // Cancelled.
            }
            // On cancellation the loop condition ends it.
            try? await Task.sleep(for: wait)
            wait = min(wait * 2, Self.lastRetry)
        }
    }

    private func preflight(_ client: RedisClient) async throws {
        let preflight = Preflight(client: client, configuration: redis, channels: keys)
        var report = try await preflight.look()
        if report.objection == nil { try await preflight.probe(&report) }
        for finding in report.findings() { logger.warning("pre-flight", metadata: ["cause": "\(finding.text)"]) }
        if !report.notPermitted.isEmpty {
            logger.info(
                "some commands are not permitted; their figures are left out",
                metadata: ["commands": "\(report.notPermitted.map(\.title).joined(separator: ", "))"])
        }
        if !report.missingFields.isEmpty {
            logger.info(
                "INFO lacks some fields; what they tell is left out",
                metadata: ["fields": "\(report.missingFields.map(\.rawValue).joined(separator: ", "))"])
        }
    }

    /// Runs until the connection fails.
    private func poll(
        _ client: RedisClient, _ role: inout RoleWatch, _ subscribers: inout SubscriberWatch, _ nodes: inout NodeWatch,
        _ hint: inout ChannelHint
    ) async throws {
        var open =
            [.subscribers] + keys.indices.map { Question.counter(channel: $0) } + [
                .outputBuffer, .outputBufferLimit,
            ]
        // Compares consecutive readings.
        var silence = keys.map { _ in SilenceDetector() }
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
                    // For example a key of another type: the next round may get another answer.
                    forget(question)
                    role.observe(error)
                }
            }
            try await subscribers.look(client)
            try await nodes.look(client, hubs: hubs)
            let counts = keys.indices.map { metrics.subscribers(channel: $0) }
            // Before we have subscribed ourselves, a single subscriber may be a node.
            if status.isSubscribed, let meant = try await hint.look(client, subscribers: counts) {
                metrics.setMeant(meant)
            }
            // What nodes feel immediately is queried twice as often.
            try await Task.sleep(for: Self.interval / 2)
            try await role.look(client, eventLoopGroup: eventLoopGroup)
            try await Task.sleep(for: Self.interval / 2)
        }
    }

    /// The currently watched hubs, with the indexes of their channels.
    private var hubs: [(index: Int, hub: CoreHub)] {
        metrics.watched.compactMap { index, channel in channel.hub.map { (index, $0) } }
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
            try await countSubscribers(client)
        case .counter(let channel):
            // Before the counter: what is published in between is not expected yet.
            let envelopes = metrics.envelopes(channel: channel)
            let reply = try await client.send(["GET", .text(keys[channel])])
            guard let id = reply.text.flatMap({ UInt64($0) }) else { return forget(question) }
            metrics.setIssuedID(id, channel: channel)
            metrics.setSilent(silence[channel].look(issuedID: id, envelopes: envelopes), channel: channel)
        case .outputBuffer:
            guard let connection = status.connectionID else { return forget(question) }
            let reply = try await client.send(["CLIENT", "LIST", "ID", "\(connection)"])
            // Not of a previous connection.
            metrics.setOutputBuffer(reply.text.flatMap { InfoFields(client: $0)["omem"] }.flatMap { Int($0) })
        case .outputBufferLimit:
            // Each time: the remedy for a low limit is raising it while Redis runs.
            let setting = try await client.send(["CONFIG", "GET", "client-output-buffer-limit"]).array?.last?.text
            let limit = setting.flatMap { PreflightReport.OutputBufferLimit(setting: $0) }
            metrics.setOutputBufferLimit(limit?.hardBytes)
        }
    }

    private func countSubscribers(_ client: RedisClient) async throws {
        let channels = metrics.watched
        let names = channels.map { $0.channel.namesOfEveryNode }
        guard !names.isEmpty else { return }
        let reply = try await client.send(["PUBSUB", "NUMSUB"] + names.joined().map { .bytes($0) })
        guard let parts = reply.array, parts.count == names.map(\.count).reduce(0, +) * 2 else {
            return forget(.subscribers)
        }
        var next = 1
        for (index, names) in zip(channels.map { $0.index }, names) {
            let counts = names.indices.compactMap { parts[next + $0 * 2].integer.map { Int($0) } }
            metrics.setSubscribers(counts.count == names.count ? counts.min() : nil, channel: index)
            next += names.count * 2
        }
    }

    private func forget(_ question: Question) {
        switch question {
        case .subscribers:
            for index in metrics.sources.indices { metrics.setSubscribers(nil, channel: index) }
        case .counter(let channel): metrics.forgetCounter(channel: channel)
        case .outputBuffer: metrics.setOutputBuffer(nil)
        case .outputBufferLimit: metrics.setOutputBufferLimit(nil)
        }
    }
}

/// Distinguishes a quiet channel from one that does not reach us: the counter moves, but nothing arrives.
///
/// Takes three readings: ids assigned between the first two had time until the third to arrive.
struct SilenceDetector {
    private struct Look {
        let issuedID: UInt64
        let envelopes: Int
    }

    private var looks: [Look] = []

    /// - Parameters:
    ///   - issuedID: the counter key's value.
    ///   - envelopes: received so far.
    mutating func look(issuedID: UInt64, envelopes: Int) -> Bool {
        defer { looks = looks.suffix(1) + [Look(issuedID: issuedID, envelopes: envelopes)] }
        guard looks.count == 2 else { return false }
        return looks[1].issuedID > looks[0].issuedID && looks[0].envelopes == envelopes
    }
}

extension BackplaneChannel {
    /// The channels that each node subscribes to at its start, for `PUBSUB NUMSUB`.
    fileprivate var namesOfEveryNode: [[UInt8]] {
        switch self {
        case .signalR2(let key): [Array(key.utf8)]
        case .core(let hub): [hub.channel(.all, []), hub.channel(.groupCommand, [])]
        }
    }
}

/// Counts the nodes of the watched hubs of ASP.NET Core, at a pace that Redis can bear.
struct NodeWatch {
    private let metrics: WatchMetrics
    private let limit: Int
    private let logger: Logger
    /// nil until a hub is attached; all hubs of a relay have the same prefix.
    private var scan: PacedChannelScan?
    private var isUnknown = false
    /// True after a new connection until the next count: the last one may be from before an outage.
    private var isStale = false

    /// - Parameter limit: maximum number of channels for which Redis is asked for names.
    init(metrics: WatchMetrics, limit: Int, logger: Logger) {
        self.metrics = metrics
        self.limit = limit
        self.logger = logger
    }

    /// A new connection.
    mutating func connected() { isStale = true }

    /// - Parameter hubs: with the indexes of their channels.
    /// - Throws: `RedisError` if the connection has failed.
    mutating func look(_ client: RedisClient, hubs: [(index: Int, hub: CoreHub)]) async throws {
        guard let prefix = hubs.first?.hub.prefix else { return }
        var scan = self.scan ?? PacedChannelScan(pattern: CoreNodes.pattern(prefix: prefix), limit: limit)
        defer { self.scan = scan }
        if isStale, scan.nextDelay > .zero { return }
        isStale = false
        do {
            switch try await scan.look(client) {
            case .success(let channels):
                isUnknown = false
                let counts = CoreNodes.count(channels, of: hubs.map(\.hub))
                for (hub, count) in zip(hubs, counts) { metrics.setNodes(count, channel: hub.index) }
            case .failure(let reason):
                if !isUnknown {
                    logger.info("the nodes of hubs are not counted", metadata: ["cause": "\(reason)"])
                }
                isUnknown = true
                for hub in hubs { metrics.setNodes(nil, channel: hub.index) }
            }
        } catch RedisError.serverError {
            // For example while it is loading.
            for hub in hubs { metrics.setNodes(nil, channel: hub.index) }
        }
    }
}
