import Backplane
import Capture
import LivePage
package import Logging
import Loopback
import NIOConcurrencyHelpers
import NIOCore
import NIOPosix
import Redis
package import Relay
package import Replay
import SignalRClient

/// The whole system on this machine: two hub nodes with chatting clients, a relay that records their backplane, a
/// second Redis that receives the replay, two hub nodes there, and the proof that their clients receive what a client
/// of the first nodes received.
package struct Demo: Sendable {
    static let hub = "chatHub"
    static let rooms = ["lobby", "support", "ops", "部屋1"]
    /// User name of the client that listens to everything.
    static let witness = "witness"
    private static let channel = "chat"
    private static let chatters = 12

    private let duration: Duration
    private let directory: String
    private let version: String
    private let hostName: String
    private let access: WebAccess
    private let logger: Logger
    private let report: @Sendable (String) -> Void
    private let keepRunning: (@Sendable () async -> Void)?
    private let speed: ReplaySchedule.Speed

    /// - Parameters:
    ///   - duration: of the traffic.
    ///   - directory: where the capture goes.
    ///   - access: of the relay's HTTP surface.
    ///   - keepRunning: if given, nodes and relay keep running after the traffic until it returns.
    ///   - speed: of the replay.
    ///   - report: called with each line of progress.
    package init(
        duration: Duration, directory: String, version: String, hostName: String, access: WebAccess = WebAccess(),
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
                try await RedisServerProcess.run { target in
                    report("source Redis  \(source.endpoint)   target Redis  \(target.endpoint)")
                    let live = try await record(from: source, network: network)
                    return try await replay(live, into: target, network: network)
                }
            }
            try await network.shutdown()
            return outcome
        } catch {
            try? await network.shutdown()
            throw error
        }
    }

    // MARK: - The live part

    private struct Live: Sendable {
        /// In the order of their ids.
        var published: [[UInt8]] = []
        /// By the witness.
        var heard: [Witness.Heard] = []
    }

    /// Runs the relay while clients chat on two nodes.
    private func record(from source: RedisConfiguration, network: SignalRNetwork) async throws -> Live {
        let links = LiveLinks()
        let parts = RelayParts(
            RelayConfiguration(
                redis: source, backplanes: [.signalR2(key: Self.channel)],
                recording: CaptureWriter.Configuration(directory: directory, channels: [Self.channel]),
                web: WebConfiguration(port: 0, access: access), version: version, hostName: hostName),
            logger: logger)
        let page = LivePage(LivePageConfiguration(links: links), of: parts)
        return try await InProcessRelay.run(parts, consumers: [page], pages: page, logger: logger) { running in
            report("live page     http://127.0.0.1:\(running.port)/")
            report("metrics       http://127.0.0.1:\(running.port)/metrics")
            try await running.waitUntilReady()
            let relay = ScrapedRelay(port: running.port, channel: Self.channel)
            let live = try await nodes(on: source).run(onPublished: { _, _, _ in }) { nodes in
                links.set(nodes.map { LiveLink(title: "Chat at \($0.name)", url: "http://\($0.url.authority)/") })
                return try await chat(at: nodes, on: source, relay: relay, network: network)
            }
            try await relay.waitUntilReceived(live.published.count)
            return live
        }
    }

    private func nodes(on redis: RedisConfiguration, count: Int = 2) -> InProcessNodes {
        InProcessNodes(
            count: count, title: "node", acknowledgement: .seconds(30), redis: redis, channel: Self.channel,
            version: version, logger: logger)
    }

    private func chat(
        at nodes: [CheckedNode], on source: RedisConfiguration, relay: ScrapedRelay, network: SignalRNetwork
    ) async throws -> Live {
        report("chat pages    " + nodes.map { "http://\($0.url.authority)/" }.joined(separator: "   "))
        let collector = EnvelopeCollector()
        let subscriber = RedisSubscriber(
            configuration: source, channels: [Self.channel],
            eventLoopGroup: MultiThreadedEventLoopGroup.singleton, sink: collector, logger: logger)
        let listening = Task { try await subscriber.run() }
        defer { listening.cancel() }
        try await collector.waitUntilSubscribed()
        let witness = Witness(node: nodes[0].url, transport: .webSockets, network: network)
        try await witness.enter()

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

        let published = try await collector.everything(beyond: 0, countedBy: source, channel: Self.channel)
        let expected = Witness.expected(of: published)
        let heard = await witness.heard(awaiting: expected.count, within: .seconds(10))
        await witness.leave()
        // The abort of the witness is the last envelope.
        let all = try await collector.everything(beyond: published.count, countedBy: source, channel: Self.channel)
        return Live(published: all, heard: heard)
    }

    /// Half of the people at each node, in turn over each transport.
    private func enter(_ nodes: [CheckedNode], network: SignalRNetwork) async throws -> [Chatter] {
        var chatters: [Chatter] = []
        for number in 0..<Self.chatters {
            let name = "user\(number)"
            let client = SignalRClient(
                configuration: SignalRClientConfiguration(
                    node: nodes[number % nodes.count].url, hubs: [Self.hub],
                    transport: ClientTransport.allCases[number / nodes.count % ClientTransport.allCases.count],
                    query: [("user", name)]),
                network: network)
            try await client.start()
            chatters.append(Chatter(name: name, client: client, seed: UInt64(number)))
        }
        report(
            "chatting      \(Quantity.text(chatters.count, "client")) on \(Quantity.text(nodes.count, "node")) over webSockets, serverSentEvents and longPolling"
        )
        return chatters
    }

    // MARK: - The replayed part

    private func replay(
        _ live: Live, into target: RedisConfiguration, network: SignalRNetwork
    ) async throws -> DemoOutcome {
        let capture = try CaptureReader(paths: [directory])
        var differences: [String] = []
        var recorded: [[UInt8]] = []
        let read = try capture.forEach { item in
            if case .envelope(let envelope) = item { recorded.append(Array(envelope.payload)) }
        }
        for damage in read.damage { differences.append("damage in the capture: \(damage)") }
        differences += Comparison.differences(
            expected: live.published.map { .payload($0) }, actual: recorded.map { .payload($0) }, what: "recorded")
        report(
            "recorded      \(Quantity.grouped(recorded.count)) of \(Quantity.text(live.published.count, "published envelope"))"
        )
        differences += Comparison.differences(
            expected: Witness.expected(of: live.published), actual: live.heard, what: "the client at the first Redis")

        let listener = EnvelopeCollector()
        let subscriber = RedisSubscriber(
            configuration: target, channels: [Self.channel],
            eventLoopGroup: MultiThreadedEventLoopGroup.singleton, sink: listener, logger: logger)
        let listening = Task { try await subscriber.run() }
        defer { listening.cancel() }
        try await listener.waitUntilSubscribed()
        let (replay, heard, received) = try await nodes(on: target).run(onPublished: { _, _, _ in }) { nodes in
            // Each on another node or transport than the previous one.
            let witnesses = zip([nodes[0], nodes[1], nodes[1]], ClientTransport.allCases).map {
                Witness(node: $0.url, transport: $1, network: network)
            }
            for witness in witnesses { try await witness.enter() }
            // Their own joins are not part of the replay.
            _ = await listener.payloads(quietFor: .milliseconds(200), timeout: .seconds(5))
            listener.forget()
            let replay = try await Replayer(
                capture: capture, target: target, options: ReplayOptions(speed: speed)
            ).run()
            var heard: [[Witness.Heard]] = []
            for witness in witnesses {
                heard.append(await witness.heard(awaiting: live.heard.count, within: .seconds(20)))
            }
            return (replay, heard, await listener.payloads(awaiting: replay.sent, timeout: .seconds(10)))
        }
        differences += Comparison.differences(
            expected: live.published.map { .content($0) }, actual: received.map { .content($0) }, what: "replayed")
        let pace = replay.drift.map { "with a drift of \(percent($0))" } ?? "at full speed"
        report("replayed      \(Quantity.text(replay.sent, "envelope")) \(pace) into the second Redis")
        report(
            "heard         \(Quantity.text(live.heard.count, "call")) by a client at the first Redis, "
                + "\(heard.map { Quantity.grouped($0.count) }.joined(separator: ", ")) by clients of two nodes at the second"
        )
        for (transport, heard) in zip(ClientTransport.allCases, heard) {
            differences += Comparison.differences(
                expected: live.heard, actual: heard, what: "the client at the second Redis over \(transport.rawValue)")
        }

        let segments = capture.segments
        return DemoOutcome(
            published: live.published.count, recorded: recorded.count, heard: heard.first?.count ?? 0, replay: replay,
            segments: segments.map(\.path), segmentBytes: segments.reduce(0) { $0 + $1.size },
            payloadBytes: recorded.reduce(0) { $0 + $1.count }, differences: differences)
    }

    /// `0.0 %`
    private func percent(_ share: Double) -> String {
        let tenths = Int((abs(share) * 1_000).rounded())
        return "\(tenths / 10).\(tenths % 10) %"
    }
}

/// The result of a demo.
package struct DemoOutcome: Sendable {
    /// Envelopes that a separate subscriber received from the first Redis.
    package let published: Int
    /// Envelopes in the capture.
    package let recorded: Int
    /// Calls received by the client at the first Redis.
    package let heard: Int
    /// Of the capture into the second Redis.
    package let replay: ReplayReport
    /// Paths of the capture's segment files, which stay.
    package let segments: [String]
    /// Size of these files.
    package let segmentBytes: UInt64
    /// Payload bytes in the capture, before compression.
    package let payloadBytes: Int
    /// Each difference found, as a sentence; empty if there are none.
    package let differences: [String]

    /// True if every envelope was recorded, replayed and received unchanged.
    package var passed: Bool { differences.isEmpty }
}
