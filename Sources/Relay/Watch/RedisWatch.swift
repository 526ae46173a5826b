import Backplane
import Capture
import Logging
import NIOCore
import NIOPosix
import Preflight
import Redis
import Time

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
        var line = MasterLine(redis: redis, eventLoopGroup: eventLoopGroup, logger: logger)
        while !Task.isCancelled {
            // The subscription already logs why Redis cannot be reached.
            do {
                // The queries must be about the server subscribed to.
                let client = try await RedisClient.connect(
                    to: subscription.server.map { redis.pinned(to: $0) } ?? redis, eventLoopGroup: eventLoopGroup)
                wait = Self.firstRetry
                subscribers.connected()
                nodes.connected()
                try? await withTaskCancellationHandler {
                    try await role.connected(client, eventLoopGroup: eventLoopGroup)
                    if !looked {
                        try await preflight(client)
                        looked = true
                    }
                    try await poll(client, &line, &role, &subscribers, &nodes, &hint)
                } onCancel: {
                    Task { await client.close() }
                }
                await line.close()
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
        let report = try await Preflight.of(client, redis: redis, channels: keys, eventLoopGroup: eventLoopGroup)
        for finding in report.findings() { logger.warning("pre-flight", metadata: ["cause": "\(finding.text)"]) }
        if !report.notPermitted.isEmpty {
            logger.info(
                "some commands are not permitted; their figures are left out",
                metadata: ["commands": "\(report.notPermitted.map(\.title).joined(separator: ", "))"])
        }
        if !report.missingFields.isEmpty {
            logger.info(
                "INFO lacks some fields; what depends on them is unknown",
                metadata: ["fields": "\(report.missingFields.map(\.rawValue).joined(separator: ", "))"])
        }
    }

    /// Runs until the connection fails, or the subscription has moved.
    private func poll(
        _ client: RedisClient, _ line: inout MasterLine, _ role: inout RoleWatch, _ subscribers: inout SubscriberWatch,
        _ nodes: inout NodeWatch, _ hint: inout ChannelHint
    ) async throws {
        var open =
            [.subscribers] + keys.indices.map { Question.counter(channel: $0) } + [
                .outputBuffer, .outputBufferLimit,
            ]
        // Compares consecutive readings.
        var silence = keys.map { _ in SilenceDetector() }
        while !Task.isCancelled {
            let asked = try await look(client, &line, &role)
            for question in open {
                do {
                    try await ask(question, asked, &silence, &role)
                } catch let error as RedisError where error.isRefusalOfCommand {
                    open.removeAll { $0 == question }
                    forget(question)
                } catch let error as RedisError {
                    guard error.concernsOneAnswer else { throw error }
                    if let part = question.part { role.cluster.note(error, part) }
                    // For example a key of another type: the next round may get another answer.
                    forget(question)
                    role.observe(error)
                }
            }
            try await subscribers.look(asked.nodes ?? client)
            try await nodes.look(asked.nodes, hubs: hubs)
            let counts = keys.indices.map { metrics.subscribers(channel: $0) }
            // Before we have subscribed ourselves, a single subscriber may be a node.
            if status.isSubscribed, let place = asked.nodes, let meant = try await hint.look(place, subscribers: counts)
            {
                metrics.setMeant(meant)
            }
            try await pause(client, &line, &role)
        }
    }

    /// The connections that a round of questions uses.
    private struct Asked {
        /// To the server subscribed to.
        let own: RedisClient
        /// To where nodes subscribe: the same, or the master of a replica; nil if that cannot be asked.
        let nodes: RedisClient?
    }

    /// What affects nodes immediately is queried between the rounds too; a replica loses its link without a sign on our
    /// connection, so it is asked each second.
    private func pause(_ client: RedisClient, _ line: inout MasterLine, _ role: inout RoleWatch) async throws {
        guard !role.isReplica else {
            for _ in 0..<5 {
                try await Task.sleep(for: Self.interval / 5)
                _ = try await look(client, &line, &role)
            }
            return
        }
        try await Task.sleep(for: Self.interval / 2)
        _ = try await look(client, &line, &role)
        try await Task.sleep(for: Self.interval / 2)
    }

    private func look(
        _ client: RedisClient, _ line: inout MasterLine, _ role: inout RoleWatch
    ) async throws -> Asked {
        if let server = subscription.server, server != client.server { throw MasterElsewhere() }
        let before = status.replica?.master
        let master = role.isReplica ? try await line.client(ofMasterOf: client) : nil
        try await role.look(client, master: master, eventLoopGroup: eventLoopGroup)
        // The connection may be to a former master.
        let isOther = before != nil && status.replica?.master != before
        if isOther || !role.isReplica { await line.close() }
        guard role.isReplica else {
            metrics.replica.setMasterAnswers(nil)
            return Asked(own: client, nodes: client)
        }
        let usable = isOther ? nil : master
        metrics.replica.setMasterAnswers(usable != nil)
        return Asked(own: client, nodes: usable)
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

        /// The part that other nodes of a cluster answer; nil if the server answers alone.
        var part: ClusterWatch.Part? {
            switch self {
            case .subscribers: .subscribers
            case .counter(let channel): .counter(channel: channel)
            case .outputBuffer, .outputBufferLimit: nil
            }
        }
    }

    private func ask(
        _ question: Question, _ asked: Asked, _ silence: inout [SilenceDetector], _ role: inout RoleWatch
    ) async throws {
        let client = asked.own
        switch question {
        case .subscribers:
            try await countSubscribers(asked)
            role.cluster.answered(.subscribers)
        case .counter(let channel):
            // Before the counter: what is published in between is not expected yet.
            let envelopes = metrics.envelopes(channel: channel)
            let reply = try await counter(channel, asked)
            role.cluster.answered(.counter(channel: channel))
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

    /// At a replica, the master's counter, which is ahead, or the replica's if the master cannot be queried.
    private func counter(_ channel: Int, _ asked: Asked) async throws -> RESPValue {
        if let nodes = asked.nodes, nodes !== asked.own {
            do { return try await nodes.send(["GET", .text(keys[channel])]) } catch let error as RedisError
                where error.isRefusalOfCommand
            {}
        }
        return try await asked.own.send(["GET", .text(keys[channel])])
    }

    /// At a replica, with those of its master: nodes subscribe there, this relay here.
    private func countSubscribers(_ asked: Asked) async throws {
        let channels = metrics.watched
        let names = channels.map { $0.channel.namesOfEveryNode }
        guard !names.isEmpty else { return }
        let own = status.isSubscribed ? status.connectionID : -1
        var counts = try await subscribers(asked.own, of: names)
        if let nodes = asked.nodes, nodes !== asked.own {
            counts = zip(counts, try await subscribers(nodes, of: names)).map { own, master in
                own.count == master.count ? zip(own, master).map { $0 + $1 } : []
            }
        }
        // The relay counts as one, also where Redis does not count it.
        let uncounted = status.isTapped ? 1 : 0
        // The relay's own subscription is not a node's.
        let isOwnSteady = status.isSubscribed && status.connectionID == own
        let now = Moment.now().monotonic
        for (index, (names, counts)) in zip(channels.map { $0.index }, zip(names, counts)) {
            let count = counts.count == names.count ? counts.min().map { $0 + uncounted } : nil
            metrics.setSubscribers(count, channel: index, countsNodes: asked.nodes != nil)
            if asked.nodes != nil {
                metrics.lookForDip(isOwnSteady ? count : nil, channel: index, at: now)
            }
        }
    }

    /// - Returns: the numbers for the names of each channel; fewer if the reply lacks some.
    private func subscribers(_ client: RedisClient, of names: [[[UInt8]]]) async throws -> [[Int]] {
        let reply = try await client.send(["PUBSUB", "NUMSUB"] + names.joined().map { .bytes($0) })
        guard let parts = reply.array, parts.count == names.map(\.count).reduce(0, +) * 2 else {
            return names.map { _ in [] }
        }
        var next = 1
        return names.map { names in
            defer { next += names.count * 2 }
            return names.indices.compactMap { parts[next + $0 * 2].integer.map { Int($0) } }
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

extension BackplaneChannel {
    /// The channels that each node subscribes to at its start, for `PUBSUB NUMSUB`.
    fileprivate var namesOfEveryNode: [[UInt8]] {
        switch self {
        case .signalR2(let key): [Array(key.utf8)]
        case .core(let hub): [hub.channel(.all, []), hub.channel(.groupCommand, [])]
        }
    }
}
