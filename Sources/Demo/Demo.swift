import Backplane
import Capture
import HubNode
import LivePage
package import Logging
import Loopback
import NIOConcurrencyHelpers
import NIOCore
import NIOPosix
import Preflight
import Redis
package import Relay
package import Replay
import SignalRClient

/// The whole system on this machine: two hub nodes with chatting clients of SignalR 2 and of ASP.NET Core SignalR, a
/// relay that records both backplanes, a second Redis that receives the replay, two hub nodes there, and the proof that
/// their clients receive what a client of the same generation received at the first nodes.
package struct Demo: Sendable {
    static let hub = "chatHub"
    static let rooms = ["lobby", "support", "ops", "部屋1"]
    /// User name of the client that listens to everything.
    static let witness = "witness"
    static let channel = "chat"
    /// The hub of ASP.NET Core SignalR.
    static let coreHub = CoreHub(type: "Demo.ChatHub")
    private static let chatters = 12
    private static let lastWords = "the chat is over"

    /// The transport and protocol of a client of ASP.NET Core SignalR.
    struct CoreTransport: Sendable {
        let transport: ClientTransport
        let format: CoreFormat
    }

    static let coreWays = [
        CoreTransport(transport: .webSockets, format: .json),
        CoreTransport(transport: .webSockets, format: .messagePack),
        CoreTransport(transport: .serverSentEvents, format: .json),
        CoreTransport(transport: .longPolling, format: .json),
        CoreTransport(transport: .longPolling, format: .messagePack),
    ]

    private let duration: Duration
    let directory: String
    private let version: String
    private let hostName: String
    private let access: WebAccess
    let logger: Logger
    let report: @Sendable (String) -> Void
    private let keepRunning: (@Sendable () async -> Void)?
    let speed: ReplaySchedule.Speed

    /// - Parameters:
    ///   - duration: of the traffic.
    ///   - directory: where the capture goes.
    ///   - access: of the relay's HTTP surface.
    ///   - keepRunning: if given, nodes and relay keep running after the traffic until it returns.
    ///   - speed: of the replay.
    ///   - report: called with each line of progress.
    package init(
        duration: Duration, directory: String, version: String, hostName: String,
        access: WebAccess = WebAccess(),
        logger: Logger,
        speed: ReplaySchedule.Speed = .maximum, keepRunning: (@Sendable () async -> Void)? = nil,
        report: @escaping @Sendable (String) -> Void
    ) {
        self.duration = duration
        self.directory = directory
        self.version = version
        self.hostName = hostName
        self.access = access
        self.logger = logger
        self.speed = speed
        self.keepRunning = keepRunning
        self.report = report
    }

    /// - Throws: ``SetupError`` and other errors that prevent the demo; a difference is an outcome, not an error.
    package func run() async throws -> DemoOutcome {
        let network = SignalRNetwork()
        do {
            let outcome = try await RedisServerProcess.run { source in
                try await RedisServerProcess.run(keepsSlowSubscribers: true) { target in
                    report("source Redis  \(source.endpoint)   target Redis  \(target.endpoint)")
                    let live = try await record(from: source, network: network)
                    return try await replay(live, into: target, network: network)
                }
            }
            await network.shutdown()
            return outcome
        } catch {
            await network.shutdown()
            throw error
        }
    }

    // MARK: - The live part

    struct Live: Sendable {
        /// In the order of their ids.
        var published: [[UInt8]] = []
        /// By the witness.
        var heard: [Witness.Heard] = []
        /// Records of ASP.NET Core SignalR, in the order in which Redis delivered them.
        var corePublished: [[UInt8]] = []
        var coreHeard: [Witness.Heard] = []

        var count: Int { published.count + corePublished.count }
    }

    /// Runs the relay while clients chat on two nodes.
    private func record(from source: RedisConfiguration, network: SignalRNetwork) async throws -> Live {
        let links = LiveLinks()
        let parts = RelayParts(
            RelayConfiguration(
                redis: source, backplanes: [.signalR2(key: Self.channel), .core(Self.coreHub)],
                core: CoreAttachment(hubs: [Self.coreHub.type]),
                recording: CaptureWriter.Configuration(directory: directory, channels: [Self.channel]),
                web: WebConfiguration(port: 0, access: access), version: version, hostName: hostName),
            logger: logger)
        let page = LivePage(LivePageConfiguration(links: links), of: parts)
        return try await InProcessRelay.run(parts, consumers: [page], pages: page, logger: logger) {
            running in
            report("live page     http://127.0.0.1:\(running.port)/")
            report("metrics       http://127.0.0.1:\(running.port)/metrics")
            try await running.waitUntilReady()
            let relay = ScrapedRelay(
                port: running.port, channel: Self.channel, hub: Self.coreHub.topic)
            let live = try await nodes(on: source).run(onPublished: { _, _, _ in }) { nodes in
                links.set(
                    nodes.map { LiveLink(title: "Chat at \($0.name)", url: "http://\($0.url.authority)/") })
                return try await chat(at: nodes, on: source, relay: relay, network: network)
            }
            try await relay.waitUntilReceived(live.count)
            return live
        }
    }

    func nodes(on redis: RedisConfiguration, limits: HubNodeLimits = HubNodeLimits()) -> InProcessNodes {
        InProcessNodes(
            count: 2, title: "node", acknowledgement: .seconds(30), redis: redis,
            channel: Self.channel,
            core: CoreBackplaneSettings(hubType: Self.coreHub.type), limits: limits, version: version,
            logger: logger)
    }

    /// A subscriber to the channels of everything that a witness of ASP.NET Core SignalR receives.
    func coreSubscriber(of redis: RedisConfiguration, into sink: EnvelopeCollector) -> RedisSubscriber {
        let hub = Self.coreHub
        let channels =
            [hub.channel(.all), hub.channel(.user, Self.witness)]
            + Self.rooms.map { hub.channel(.group, $0) }
        return RedisSubscriber(
            configuration: redis,
            names: channels.map { SubscribedName(channel: Array($0.utf8), index: 0, keepsName: true) },
            header: MessageHeader(
                count: { CoreRecord.headerCount(channel: $0, payload: $1) },
                write: { CoreRecord.writeHeader(channel: $0, payloadCount: $1, to: $2) }),
            keepsAll: true, title: { hub.topic }, eventLoopGroup: MultiThreadedEventLoopGroup.singleton,
            sink: sink,
            logger: logger)
    }

    private func chat(
        at nodes: [CheckedNode], on source: RedisConfiguration, relay: ScrapedRelay,
        network: SignalRNetwork
    ) async throws -> Live {
        report("chat pages    " + nodes.map { "http://\($0.url.authority)/" }.joined(separator: "   "))
        let collector = EnvelopeCollector()
        let subscriber = RedisSubscriber(
            configuration: source, channels: [Self.channel],
            eventLoopGroup: MultiThreadedEventLoopGroup.singleton, sink: collector, logger: logger)
        let listening = Task { try await subscriber.run() }
        defer { listening.cancel() }
        try await collector.waitUntilSubscribed()
        let coreCollector = EnvelopeCollector()
        let coreSubscriber = coreSubscriber(of: source, into: coreCollector)
        let coreListening = Task { try await coreSubscriber.run() }
        defer { coreListening.cancel() }
        try await coreCollector.waitUntilSubscribed()
        let witness = Witness(node: nodes[0].url, transport: .webSockets, network: network)
        try await witness.enter()
        let coreWitness = Witness(coreNode: nodes[0].coreURL, Self.coreWays[0], network: network)
        try await coreWitness.enter()

        let chatters = try await enter(nodes, network: network)
        try await withThrowingTaskGroup(of: Void.self) { group in
            let isOver = NIOLockedValueBox(false)
            for chatter in chatters {
                group.addTask { try await chatter.chat { isOver.withLockedValue { $0 } } }
            }
            let progress = Task { try await relay.progress(report) }
            defer { progress.cancel() }
            // Users do not stop by themselves: the timer ends first, or a user with an error.
            group.addTask { try await Task.sleep(for: duration) }
            try await group.next()
            isOver.withLockedValue { $0 = true }
            try await group.waitForAll()
        }
        if let keepRunning {
            report("keep running  open the chat pages in two windows; Ctrl-C continues with the replay")
            await keepRunning()
            try Task.checkCancellation()
        }
        for chatter in chatters { await chatter.client.stop() }
        // The last message of all: everything published earlier arrives before it.
        try await coreWitness.say(Self.lastWords)

        let published = try await collector.everything(
            beyond: 0, countedBy: source, channel: Self.channel)
        let expected = Witness.expected(of: published)
        let heard = await witness.heard(awaiting: expected.count, pause: .seconds(10))
        let corePublished = await coreCollector.payloads(upTo: Self.lastWords, timeout: .seconds(10))
        let coreExpected = Witness.expected(ofCore: corePublished)
        let coreHeard = await coreWitness.heard(awaiting: coreExpected.count, pause: .seconds(10))
        await coreWitness.leave()
        await witness.leave()
        // The abort of the witness is the last envelope.
        let all = try await collector.everything(
            beyond: published.count, countedBy: source, channel: Self.channel)
        return Live(published: all, heard: heard, corePublished: corePublished, coreHeard: coreHeard)
    }

    /// Half of the people at each node, in turn over each transport.
    private func enter(_ nodes: [CheckedNode], network: SignalRNetwork) async throws -> [Chatter] {
        var chatters: [Chatter] = []
        for number in 0..<Self.chatters {
            let name = "user\(number)"
            let client = SignalRClient(
                configuration: SignalRClientConfiguration(
                    node: nodes[number % nodes.count].url, hubs: [Self.hub],
                    transport: ClientTransport.allCases[
                        number / nodes.count % ClientTransport.allCases.count],
                    query: [("user", name)]),
                network: network)
            try await client.start()
            chatters.append(Chatter(name: name, client: client, seed: UInt64(number)))
        }
        for number in 0..<Self.coreWays.count * nodes.count {
            let name = "coreUser\(number)"
            let way = Self.coreWays[number / nodes.count]
            let client = CoreSignalRClient(
                configuration: CoreClientConfiguration(
                    node: nodes[number % nodes.count].coreURL, transport: way.transport, format: way.format,
                    query: [("user", name)]),
                network: network)
            try await client.start()
            chatters.append(Chatter(name: name, client: client, seed: UInt64(Self.chatters + number)))
        }
        report(
            "chatting      \(Self.chatters) clients of SignalR 2 and \(chatters.count - Self.chatters) of ASP.NET Core on "
                + "\(Quantity.text(nodes.count, "node")) over webSockets, serverSentEvents and longPolling")
        return chatters
    }
}
