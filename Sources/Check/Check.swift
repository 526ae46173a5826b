package import Backplane
import HubNode
package import Logging
import Loopback
import NIOCore
import NIOPosix
package import Redis
package import SignalRClient

/// The end-to-end check: starts hub nodes or uses running ones, connects a client per transport to each, and proves
/// that messages arrive once, in order, at their recipients and nowhere else.
package struct Check: Sendable {
    private let configuration: CheckConfiguration
    private let logger: Logger
    private let report: @Sendable (String) -> Void

    /// - Parameter report: called with each line of progress.
    package init(
        configuration: CheckConfiguration, logger: Logger, report: @escaping @Sendable (String) -> Void = { _ in }
    ) {
        self.configuration = configuration
        self.logger = logger
        self.report = report
    }

    /// Of the program that runs it.
    var version: String { configuration.version }

    /// Takes some seconds; every wait is bounded.
    ///
    /// - Throws: ``SetupError``, ``SignalRClientError`` or `RedisError` if the check cannot be carried out, naming the
    ///   Redis or the node; a failed delivery is an outcome, not an error.
    package func run() async throws -> CheckOutcome {
        try await RedisProbe.require(configuration.redis)
        if let core = configuration.core { return try await run(core) }
        let text = CheckText.random()
        let observer = PublishObserver()
        let counter = CounterRecord()
        if configuration.hubs.isEmpty {
            let nodes = InProcessNodes(
                count: configuration.nodeCount, redis: configuration.redis, channel: configuration.channel,
                version: configuration.version, logger: logger)
            return try await nodes.run(onPublished: observer.published) { nodes in
                try await run(nodes, text: text, observer: observer, counter: counter)
            }
        }
        let nodes = configuration.hubs.enumerated().map { index, url in
            CheckedNode(name: "node \(index + 1)", url: url, log: nil)
        }
        return try await ChannelListening(redis: configuration.redis, channel: configuration.channel, logger: logger)
            .run(
                onPublished: { id, key, value in
                    counter.published(id)
                    observer.published(envelope: id, key: key, value: value)
                }
            ) { try await run(nodes, text: text, observer: observer, counter: counter) }
    }

    /// Runs the check with clients of ASP.NET Core SignalR.
    private func run(_ core: CoreCheckSettings) async throws -> CheckOutcome {
        let (text, observer, counter) = (CheckText.random(), PublishObserver(), CounterRecord())
        guard !configuration.hubs.isEmpty else {
            let nodes = InProcessNodes(
                count: configuration.nodeCount, redis: configuration.redis, channel: "",
                core: CoreBackplaneSettings(hubType: core.hub.type, channelPrefix: core.hub.prefix),
                version: configuration.version, logger: logger)
            return try await nodes.run(onPublished: { _, _, _ in }) { nodes in
                try await run(nodes, text: text, observer: observer, counter: counter)
            }
        }
        let nodes = configuration.hubs.enumerated().map { index, url in
            CheckedNode(name: "node \(index + 1)", url: url, log: nil)
        }
        return try await ChannelListening(redis: configuration.redis, channel: configuration.channel, logger: logger)
            .run(core.hub, onPublished: observer.published) {
                try await run(nodes, text: text, observer: observer, counter: counter)
            }
    }

    private func run(
        _ nodes: [CheckedNode], text: CheckText, observer: PublishObserver, counter: CounterRecord
    ) async throws -> CheckOutcome {
        let network = try SignalRNetwork(authorities: configuration.authorities)
        do {
            let outcome = try await RedisProbe.whileAnswered(
                by: configuration.redis, counter: configuration.core == nil ? configuration.channel : nil,
                onCounter: counter.read
            ) {
                try await run(nodes, text: text, observer: observer, counter: counter, network: network)
            }
            await network.shutdown()
            return outcome
        } catch {
            await network.shutdown()
            throw error
        }
    }

    private func run(
        _ nodes: [CheckedNode], text: CheckText, observer: PublishObserver, counter: CounterRecord,
        network: SignalRNetwork
    ) async throws -> CheckOutcome {
        let start = ContinuousClock.now
        let names = nodes.map(\.name)
        let plan =
            configuration.core.map {
                ClientPlan(coreNodes: names, transports: configuration.transports, formats: $0.formats, run: text.run)
            } ?? ClientPlan(nodes: names, transports: configuration.transports, run: text.run)
        let deliveryLog = DeliveryLog(homes: plan.clients.map(\.node), text: text)
        observer.deliver(to: deliveryLog)
        let connector = ClientConnector(
            nodes: nodes, deliveryLog: deliveryLog, network: network, redis: configuration.redis,
            channel: configuration.channel, counter: counter, core: configuration.core)
        for node in nodes { report("\(node.name) at \(configuration.core == nil ? node.url : node.coreURL)") }
        let participants = try await connector.admit(plan.clients)
        let session = CheckSession(
            generation: configuration.core == nil ? .signalR2 : .core, nodes: nodes, participants: participants,
            deliveryLog: deliveryLog, redis: configuration.redis,
            channel: configuration.channel, messages: configuration.messages, counter: counter)
        let progress: CheckSteps.Progress
        do {
            progress = try await CheckSteps(session: session, report: report).run()
        } catch {
            await Self.stop(participants)
            throw error
        }
        let evaluator = Evaluator(facts: CheckFacts(session, clients: plan.clients), progress: progress)
        let outcome = evaluator.outcome(duration: ContinuousClock.now - start)
        await Self.stop(participants)
        return outcome
    }

    private static func stop(_ participants: [Participant]) async {
        await withTaskGroup(of: Void.self) { group in
            for participant in participants { group.addTask { await participant.client.stop() } }
        }
    }
}

/// The settings of a check of ASP.NET Core SignalR.
package struct CoreCheckSettings: Sendable {
    /// The channel prefix and .NET type of the hub, with which its channels in Redis begin.
    package var hub: CoreHub
    /// Hub protocols of the clients: one client for each of them and each transport, but none for MessagePack over
    /// server-sent events.
    package var formats: [CoreFormat]
    /// Sent to the nodes as `Authorization: Bearer`; a secret.
    package var accessToken: String?
    /// Sent to the nodes with every request.
    package var headers: [(name: String, value: String)]

    /// The defaults: both hub protocols, no login, no headers.
    package init(
        hub: CoreHub, formats: [CoreFormat] = CoreFormat.allCases, accessToken: String? = nil,
        headers: [(name: String, value: String)] = []
    ) {
        self.hub = hub
        self.formats = formats
        self.accessToken = accessToken
        self.headers = headers
    }
}

/// What one check does.
package struct CheckConfiguration: Sendable {
    /// The Redis of the backplane.
    package var redis: RedisConfiguration
    /// The event key.
    package var channel: String
    /// How many nodes to start in this process; not used with ``hubs``.
    package var nodeCount: Int
    /// Running nodes to check instead.
    package var hubs: [NodeURL]
    /// One client per transport, at each node.
    package var transports: [ClientTransport]
    /// Broadcasts, spread over all clients.
    package var messages: Int
    /// Of the program, for metrics.
    package var version: String
    /// Check ASP.NET Core SignalR instead of SignalR 2; the addresses in ``hubs`` are then those of the hub itself.
    package var core: CoreCheckSettings?
    /// PEM file of the certificate authorities to trust at https URLs of ``hubs``; nil for the system's.
    package var authorities: String?

    /// A check of ASP.NET Core SignalR.
    package init(
        redis: RedisConfiguration, core: CoreCheckSettings, nodeCount: Int = 2, hubs: [NodeURL] = [],
        transports: [ClientTransport] = ClientTransport.allCases, messages: Int = 100, version: String
    ) {
        self.init(
            redis: redis, channel: core.hub.topic, nodeCount: nodeCount, hubs: hubs, transports: transports,
            messages: messages, version: version)
        self.core = core
    }

    /// A check of SignalR 2.
    ///
    /// - Precondition: `nodeCount` and `messages` are above 0, `transports` and `channel` are not empty.
    package init(
        redis: RedisConfiguration, channel: String, nodeCount: Int = 2, hubs: [NodeURL] = [],
        transports: [ClientTransport] = ClientTransport.allCases, messages: Int = 100, version: String
    ) {
        precondition(nodeCount > 0 && messages > 0 && !transports.isEmpty && !channel.isEmpty)
        self.redis = redis
        self.channel = channel
        self.nodeCount = nodeCount
        self.hubs = hubs
        self.transports = transports
        self.messages = messages
        self.version = version
    }
}
