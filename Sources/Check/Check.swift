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

    private func run(
        _ nodes: [CheckedNode], text: CheckText, observer: PublishObserver, counter: CounterRecord
    ) async throws -> CheckOutcome {
        let network = SignalRNetwork()
        do {
            let outcome = try await RedisProbe.whileAnswered(
                by: configuration.redis, counter: configuration.channel, onCounter: counter.read
            ) {
                try await run(nodes, text: text, observer: observer, counter: counter, network: network)
            }
            try await network.shutdown()
            return outcome
        } catch {
            try? await network.shutdown()
            throw error
        }
    }

    private func run(
        _ nodes: [CheckedNode], text: CheckText, observer: PublishObserver, counter: CounterRecord,
        network: SignalRNetwork
    ) async throws -> CheckOutcome {
        let start = ContinuousClock.now
        let plan = ClientPlan(nodes: nodes.map(\.name), transports: configuration.transports, run: text.run)
        let deliveryLog = DeliveryLog(homes: plan.clients.map(\.node), text: text)
        observer.deliver(to: deliveryLog)
        let connector = ClientConnector(
            nodes: nodes, deliveryLog: deliveryLog, network: network, redis: configuration.redis,
            channel: configuration.channel, counter: counter)
        for node in nodes { report("\(node.name) at \(node.url)") }
        let participants = try await connector.admit(plan.clients)
        let session = CheckSession(
            nodes: nodes, participants: participants, deliveryLog: deliveryLog, redis: configuration.redis,
            channel: configuration.channel, messages: configuration.messages, counter: counter)
        let progress: CheckSteps.Progress
        do {
            progress = try await CheckSteps(session: session, report: report).run()
        } catch {
            await Self.stop(participants)
            throw error
        }
        let evaluator = Evaluator(facts: CheckFacts(session), progress: progress)
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
