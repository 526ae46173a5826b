import Capture
public import Logging
import NIOCore
import NIOPosix
import Redis
import Relay
public import Replay
import ServiceLifecycle
import SignalRBackplane

/// Everything on this machine: a Redis with chat traffic, a relay that records it, a second Redis that receives the
/// replay, and the proof that what arrives there is what was published here.
public struct Demo: Sendable {
    public struct Outcome: Sendable {
        public let published: Int
        public let recorded: Int
        public let replay: ReplayReport
        public let segments: [String]
        public let segmentBytes: UInt64
        public let payloadBytes: Int
        /// Each difference found, in words; empty if all is equal.
        public let differences: [String]

        public var passed: Bool { differences.isEmpty }
    }

    private static let channel = "chat"
    private static let seed: UInt64 = 2026

    private let duration: Duration
    private let directory: String
    private let version: String
    private let hostName: String
    private let logger: Logger
    private let report: @Sendable (String) -> Void

    /// - Parameters:
    ///   - duration: of the traffic.
    ///   - directory: where the capture goes.
    ///   - report: told what happens, a line at a time.
    public init(
        duration: Duration, directory: String, version: String, hostName: String, logger: Logger,
        report: @escaping @Sendable (String) -> Void
    ) {
        self.duration = duration
        self.directory = directory
        self.version = version
        self.hostName = hostName
        self.logger = logger
        self.report = report
    }

    /// - Throws: ``EndToEndError`` and whatever keeps the demo from running; a difference is no error but an outcome.
    public func run() async throws -> Outcome {
        try await RedisServerProcess.run { source in
            try await RedisServerProcess.run { target in
                report("source Redis  \(source.endpoint)   target Redis  \(target.endpoint)")
                return try await run(source: source, target: target)
            }
        }
    }

    private func run(source: RedisConfiguration, target: RedisConfiguration) async throws -> Outcome {
        let published = try await record(from: source)
        let capture = try CaptureReader(paths: [directory])
        var differences: [String] = []
        var recorded: [[UInt8]] = []
        let read = try capture.forEach { item in
            if case .envelope(let envelope) = item { recorded.append(Array(envelope.payload)) }
        }
        for damage in read.damage { differences.append("damage in the capture: \(damage)") }
        differences += Comparison.differences(
            expected: published.map { .payload($0) }, actual: recorded.map { .payload($0) }, what: "recorded")
        report("recorded      \(recorded.count) of \(published.count) published envelopes")

        let collector = EnvelopeCollector()
        let subscriber = RedisSubscriber(
            configuration: target, channels: [Self.channel],
            eventLoopGroup: MultiThreadedEventLoopGroup.singleton, sink: collector, logger: logger)
        let listening = Task { try await subscriber.run() }
        defer { listening.cancel() }
        await collector.waitUntilSubscribed()
        let replay = try await Replayer(
            capture: capture, target: target, options: Replayer.Options(speed: .maximum)
        ).run()
        let received = await collector.payloads(awaiting: replay.sent, timeout: .seconds(10))
        report(
            "replayed      \(replay.sent) envelopes at full speed; the target's subscriber received \(received.count)")
        differences += Comparison.differences(
            expected: published.map { .content($0) }, actual: received.map { .content($0) }, what: "replayed")

        let segments = capture.segments
        return Outcome(
            published: published.count, recorded: recorded.count, replay: replay, segments: segments.map(\.path),
            segmentBytes: segments.reduce(0) { $0 + $1.size }, payloadBytes: recorded.reduce(0) { $0 + $1.count },
            differences: differences)
    }

    // MARK: - Recording

    /// Runs the relay while traffic is published.
    ///
    /// - Returns: the payloads as the source's script made them.
    private func record(from source: RedisConfiguration) async throws -> [[UInt8]] {
        let (ports, portFound) = AsyncStream.makeStream(of: Int.self)
        let relay = Relay(
            configuration: RelayConfiguration(
                redis: source, channels: [Self.channel],
                recording: CaptureWriter.Configuration(directory: directory, channels: [Self.channel]),
                listenPort: 0, version: version, hostName: hostName),
            logger: logger, onListening: { portFound.yield($0) })
        let services = ServiceGroup(
            configuration: ServiceGroupConfiguration(
                services: [.init(service: relay, successTerminationBehavior: .gracefullyShutdownGroup)], logger: logger)
        )
        return try await withThrowingTaskGroup(of: [[UInt8]].self) { group in
            group.addTask {
                try await services.run()
                portFound.finish()
                return []
            }
            group.addTask {
                guard let port = await ports.first(where: { _ in true }) else { return [] }
                report("metrics       http://127.0.0.1:\(port)/metrics")
                try await waitUntilReady(port: port)
                let published = try await publish(to: source, metricsPort: port)
                try await waitUntilReceived(published.count, port: port)
                await services.triggerGracefulShutdown()
                return published
            }
            var published: [[UInt8]] = []
            for try await part in group where !part.isEmpty { published = part }
            return published
        }
    }

    private func waitUntilReady(port: Int) async throws {
        let deadline = ContinuousClock.now + .seconds(10)
        while try await HTTPGet.body(port: port, path: "/-/ready") != "ready\n" {
            guard ContinuousClock.now < deadline else { throw EndToEndError("the relay was not ready within 10 s") }
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

    private static let envelopesSeries = #"signalr_backplane_envelopes_total{channel="\#(channel)"}"#

    /// Publishes chat traffic by the nodes' own script for as long as the demo lasts, and shows the live numbers.
    private func publish(to source: RedisConfiguration, metricsPort: Int) async throws -> [[UInt8]] {
        let client = try await RedisClient.connect(to: source, eventLoopGroup: MultiThreadedEventLoopGroup.singleton)
        let script = try await client.load(script: BackplaneScript.publish)
        var traffic = ChatTraffic(seed: Self.seed)
        var published: [[UInt8]] = []
        let start = ContinuousClock.now
        var nextReport = start + .seconds(1)
        var lastCount = 0
        do {
            while ContinuousClock.now < start + duration {
                for message in traffic.next() {
                    let body = ScaleoutMessage(
                        messages: [message],
                        createdTicks: DotNetTicks(unixNanoseconds: Int64(Moment.now().realtime)).rawValue)
                    let reply = try await client.evaluate(
                        script, keys: [.text(Self.channel)], arguments: [.bytes(body.encoded())])
                    guard case .bulk(let payload)? = reply.array?.last else {
                        throw EndToEndError("the publishing script answered something unexpected")
                    }
                    published.append(payload)
                }
                if ContinuousClock.now >= nextReport {
                    try await reportProgress(port: metricsPort, published: published.count, lastCount: lastCount)
                    lastCount = published.count
                    nextReport += .seconds(1)
                }
                // Some 500 envelopes a second, unevenly, as people chat.
                if traffic.pauses() { try await Task.sleep(for: .milliseconds(5)) }
            }
        } catch {
            await client.close()
            throw error
        }
        await client.close()
        return published
    }

    private func reportProgress(port: Int, published: Int, lastCount: Int) async throws {
        let scrape = try await MetricsScrape.read(port: port)
        func value(_ series: String) -> Int { Int(scrape[series] ?? 0) }
        let channel = #"{channel="\#(Self.channel)"}"#
        report(
            "live          \(published - lastCount)/s published, \(value(Self.envelopesSeries)) seen, "
                + "\(value("backplane_relay_recorded_envelopes_total")) recorded, "
                + "\(value("signalr_backplane_missing_ids_total" + channel)) missing, "
                + "\(value("backplane_relay_written_bytes_total") / 1024) KiB on disk")
    }
}
