import Backplane
import Capture
import LivePage
package import Logging
import Loopback
import NIOConcurrencyHelpers
import NIOCore
import NIOPosix
import Redis
import Relay
package import Replay
import ServiceLifecycle
import SignalRClient

/// Everything on this machine: two hub nodes with people who chat, a relay that records their backplane, a second Redis
/// that receives the replay, two hub nodes there, and the proof that clients of them hear what a client here has heard.
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
    private let logger: Logger
    private let report: @Sendable (String) -> Void
    private let keepRunning: (@Sendable () async -> Void)?
    private let speed: ReplaySchedule.Speed

    /// - Parameters:
    ///   - duration: of the traffic.
    ///   - directory: where the capture goes.
    ///   - keepRunning: if given, nodes and relay stay after the traffic until it returns, for people with browsers.
    ///   - speed: of the replay.
    ///   - report: told what happens, a line at a time.
    package init(
        duration: Duration, directory: String, version: String, hostName: String, logger: Logger,
        speed: ReplaySchedule.Speed = .maximum, keepRunning: (@Sendable () async -> Void)? = nil,
        report: @escaping @Sendable (String) -> Void
    ) {
        self.duration = duration
        self.directory = directory
        self.version = version
        self.hostName = hostName
        self.logger = logger
        self.speed = speed
        self.keepRunning = keepRunning
        self.report = report
    }

    /// - Throws: ``SetupError`` and whatever keeps the demo from running; a difference is no error but an outcome.
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

    /// Runs the relay while people chat on two nodes.
    private func record(from source: RedisConfiguration, network: SignalRNetwork) async throws -> Live {
        let (ports, portFound) = AsyncStream.makeStream(of: Int.self)
        let links = LiveLinks()
        let parts = RelayParts(
            RelayConfiguration(
                redis: source, backplanes: [.signalR2(key: Self.channel)],
                recording: CaptureWriter.Configuration(directory: directory, channels: [Self.channel]),
                web: WebConfiguration(port: 0), version: version, hostName: hostName),
            logger: logger)
        let page = LivePage(LivePageConfiguration(links: links), of: parts)
        let relay = Relay(
            parts, consumers: [page], pages: page, supervisor: OnListening { portFound.yield($0) })
        let services = ServiceGroup(
            configuration: ServiceGroupConfiguration(
                services: [.init(service: relay, successTerminationBehavior: .gracefullyShutdownGroup)], logger: logger)
        )
        return try await withThrowingTaskGroup(of: Live?.self) { group in
            group.addTask {
                try await services.run()
                portFound.finish()
                return nil
            }
            group.addTask {
                guard let port = await ports.first(where: { _ in true }) else { return nil }
                report("live page     http://127.0.0.1:\(port)/")
                report("metrics       http://127.0.0.1:\(port)/metrics")
                try await waitUntilReady(port: port)
                let live = try await nodes(on: source).run(onPublished: { _, _, _ in }) { nodes in
                    links.set(nodes.map { LiveLink(title: "Chat at \($0.name)", url: "http://\($0.url.authority)/") })
                    return try await chat(at: nodes, on: source, metricsPort: port, network: network)
                }
                try await waitUntilReceived(live.published.count, port: port)
                await services.triggerGracefulShutdown()
                return live
            }
            var live: Live?
            for try await part in group where part != nil { live = part }
            guard let live else { throw SetupError("the relay ended before it was ready; its log says why") }
            return live
        }
    }

    private func nodes(on redis: RedisConfiguration, count: Int = 2) -> InProcessNodes {
        InProcessNodes(
            count: count, title: "node", acknowledgement: .seconds(30), redis: redis, channel: Self.channel,
            version: version, logger: logger)
    }

    private func chat(
        at nodes: [CheckedNode], on source: RedisConfiguration, metricsPort: Int, network: SignalRNetwork
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
            let progress = Task { try await reportProgress(port: metricsPort) }
            defer { progress.cancel() }
            // People do not stop by themselves: the first to end is the clock, or somebody with an error.
            group.addTask { try await Task.sleep(for: duration) }
            try await group.next()
            isOver.withLockedValue { $0 = true }
            try await group.waitForAll()
        }
        if let keepRunning {
            report("keep running  open the chat pages in two windows; Ctrl-C goes on with the replay")
            await keepRunning()
            try Task.checkCancellation()
        }
        for chatter in chatters { await chatter.client.stop() }

        let published = try await everything(beyond: 0, in: collector, on: source)
        let expected = Witness.expected(of: published)
        let heard = await witness.heard(awaiting: expected.count, within: .seconds(10))
        await witness.leave()
        // The abort of the witness is the last envelope.
        let all = try await everything(beyond: published.count, in: collector, on: source)
        return Live(published: all, heard: heard)
    }

    /// All that was published: what the last commands set off is still under way until Redis has counted more than
    /// `count` envelopes and counts no more.
    private func everything(
        beyond count: Int, in collector: EnvelopeCollector, on redis: RedisConfiguration
    ) async throws -> [[UInt8]] {
        let client = try await RedisClient.connect(
            to: redis, eventLoopGroup: MultiThreadedEventLoopGroup.singleton)
        let counted: Int
        do {
            counted = try await Self.counted(beyond: count, by: client)
        } catch {
            await client.close()
            throw error
        }
        await client.close()
        return await collector.payloads(awaiting: counted, timeout: .seconds(10))
    }

    /// What Redis has counted once it counts no further, or after 10 s.
    private static func counted(beyond count: Int, by client: RedisClient) async throws -> Int {
        let deadline = ContinuousClock.now + .seconds(10)
        var counted = -1
        var last: Int
        repeat {
            last = counted
            try await Task.sleep(for: .milliseconds(300))
            counted = try await client.send(["GET", .text(channel)]).text.flatMap { Int($0) } ?? 0
        } while (counted != last || counted <= count) && ContinuousClock.now < deadline
        return counted
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
            // Each at another node or over another transport than the one before.
            let witnesses = zip([nodes[0], nodes[1], nodes[1]], ClientTransport.allCases).map {
                Witness(node: $0.url, transport: $1, network: network)
            }
            for witness in witnesses { try await witness.enter() }
            // Their own joins are no part of the replay.
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

    // MARK: - Waiting and reporting

    private func waitUntilReady(port: Int) async throws {
        let deadline = ContinuousClock.now + .seconds(10)
        while try await HTTPGet.body(port: port, path: "/-/ready") != "ready\n" {
            guard ContinuousClock.now < deadline else { throw SetupError("the relay was not ready within 10 s") }
            try await Task.sleep(for: .milliseconds(20))
        }
    }

    private func waitUntilReceived(_ count: Int, port: Int) async throws {
        let deadline = ContinuousClock.now + .seconds(10)
        while ContinuousClock.now < deadline {
            let scrape = try await MetricsScrape.read(port: port)
            if scrape[Self.envelopesSeries] ?? 0 >= Double(count) { return }
            try await Task.sleep(for: .milliseconds(20))
        }
    }

    private static let envelopesSeries =
        #"signalr_backplane_envelopes_total{channel="\#(channel)",backplane="signalr2"}"#

    /// Shows the live numbers each second, until the task is cancelled.
    private func reportProgress(port: Int) async throws {
        let channel = #"{channel="\#(Self.channel)",backplane="signalr2"}"#
        var last = 0
        var lastAt = ContinuousClock.now
        while true {
            try await Task.sleep(for: .seconds(1))
            let scrape = try await MetricsScrape.read(port: port)
            func value(_ series: String) -> Int { Int(scrape[series] ?? 0) }
            // All of one scrape, so that the numbers belong together.
            let seen = value(Self.envelopesSeries)
            let waiting = max(0, seen - value("backplane_relay_recorded_envelopes_total"))
            let now = ContinuousClock.now
            let rate = Int((Double(seen - last) / ((now - lastAt) / .seconds(1))).rounded())
            report(
                "live          \(Quantity.text(seen, "envelope")) so far, \(rate)/s; "
                    + "\(Quantity.grouped(seen - waiting)) recorded, \(Quantity.grouped(waiting)) on the way to the disk, "
                    + "\(Quantity.grouped(value("signalr_backplane_missing_ids_total" + channel))) missing, "
                    + "\(value("backplane_relay_written_bytes_total") / 1024) KiB on disk")
            (last, lastAt) = (seen, now)
        }
    }
}
