import Capture
package import HTTPGuard
import Hummingbird
package import Logging
import Loopback
import NIOCore
package import Prometheus
import Relay
import ServiceLifecycle
import Time

/// Repeats a check and serves the outcome on `/metrics`: a black-box probe.
package struct CheckProbe: Service {
    private let check: Check
    private let interval: Duration
    private let listenHost: String
    private let listenPort: Int
    private let logger: Logger
    private let openPages: OpenPages
    private let onOutcome: @Sendable (CheckOutcome) -> Void
    private let onListening: @Sendable (_ port: Int) -> Void
    private let metrics: CheckMetrics

    /// - Parameters:
    ///   - interval: from the start of one check to the start of the next; after a longer check the next starts
    ///     immediately.
    ///   - openPages: additional pages of the HTTP surface.
    ///   - onOutcome: called with each outcome; a check that cannot be carried out is logged as an error and counted.
    package init(
        check: Check, interval: Duration, listenHost: String, listenPort: Int, logger: Logger,
        openPages: OpenPages = .none,
        onOutcome: @escaping @Sendable (CheckOutcome) -> Void,
        onListening: @escaping @Sendable (_ port: Int) -> Void = { _ in }
    ) {
        self.check = check
        self.interval = interval
        self.listenHost = listenHost
        self.listenPort = listenPort
        self.logger = logger
        self.openPages = openPages
        self.onOutcome = onOutcome
        self.onListening = onListening
        metrics = CheckMetrics(version: check.version)
    }

    /// - Throws: ``SetupError`` if the address cannot be bound.
    package func run() async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { await cancelWhenGracefulShutdown { await repeatCheck() } }
            group.addTask { try await serve() }
            // Whichever ends first cancels the other.
            defer { group.cancelAll() }
            try await group.next()
        }
    }

    private func repeatCheck() async {
        let clock = ContinuousClock()
        var due = clock.now
        while !Task.isCancelled {
            let start = clock.now
            do {
                let outcome = try await check.run()
                metrics.record(outcome, at: Self.unixTime())
                onOutcome(outcome)
            } catch {
                if Task.isCancelled { return }
                metrics.recordError(duration: (clock.now - start) / .seconds(1), at: Self.unixTime())
                logger.error("the check could not be carried out", metadata: ["cause": "\(error)"])
            }
            due = max(due + interval, clock.now)
            // On cancellation the loop condition ends it.
            try? await clock.sleep(until: due)
        }
    }

    private func serve() async throws {
        let router = Router()
        router.get("/metrics") { request, _ in
            let format = ExpositionFormat.negotiate(accept: request.headers[.accept])
            return Response(
                status: .ok, headers: [.contentType: format.contentType],
                body: ResponseBody(byteBuffer: ByteBuffer(bytes: metrics.registry.expose(format))))
        }
        router.get("/-/healthy") { _, _ in "the check is running\n" }
        router.get("/") { _, _ in
            "backplane-relay checks a SignalR backplane end to end\n\n/metrics     Prometheus metrics\n/manual/     the manual\n/-/healthy   200 while the process runs\n"
        }
        let limits = HTTPLimits()
        let application = Application(
            responder: HeadResponder(router.buildResponder().showing(openPages)),
            server: .guarded(
                limits: limits, gate: ConnectionGate(limits: limits, registry: metrics.registry, logger: logger)),
            configuration: ApplicationConfiguration(
                address: .hostname(listenHost, port: listenPort), serverName: "backplane-relay",
                backlog: HTTPLimits.backlog),
            onServerRunning: { channel in
                let port = channel.localAddress?.port ?? 0
                logger.info("listening", metadata: ["metrics": "http://\(listenHost):\(port)/metrics"])
                onListening(port)
            },
            logger: Logger(label: "http", factory: { _ in SwiftLogNoOpLogHandler() }))
        do {
            try await application.run()
        } catch {
            guard let failure = ListenFailure(error) else { throw error }
            throw SetupError(
                "cannot serve /metrics: \(failure.sentence(host: listenHost, port: listenPort)); "
                    + "name another address", setting: .listenAddress)
        }
    }

    private static func unixTime() -> Double { Double(Moment.now().realtime) * 1e-9 }
}

/// Prometheus metrics of the repeated check.
package struct CheckMetrics: Sendable {
    /// Exposed on `/metrics`.
    package let registry: Registry
    private let success: Gauge
    private let lastRun: Gauge
    private let duration: Gauge
    private let runs: Family<Counter>
    private let lost: Counter
    private let expected: Counter
    private let latency: Prometheus.Histogram

    /// Results of a run: the verdicts, and the error of a run that could not be carried out.
    private static let error = "error"

    /// - Parameter version: of the program that runs the check.
    package init(version: String) {
        registry = Registry()
        success = registry.gauge(
            "backplane_relay_check_success",
            help:
                "1 if the last check passed, 0 if not. At 0, run backplane-relay check by hand: it names what is lost, and where."
        )
        lastRun = registry.gauge(
            "backplane_relay_check_last_run_timestamp_seconds",
            help:
                "End of the last check, Unix time. Alert if it is older than a few intervals: the check itself hangs or is gone."
        )
        duration = registry.gauge(
            "backplane_relay_check_duration_seconds",
            help: "Duration of the last check. If it grows, check the latency and the retries in the log.")
        runs = registry.counterFamily(
            "backplane_relay_check_runs_total",
            help:
                "Checks by result. error: Redis or a node could not be reached; fail: messages lost without explanation, duplicated or wrong; pass_with_loss: a node lost its connection to Redis.",
            labels: ["result"])
        lost = registry.counter(
            "backplane_relay_check_messages_lost_total",
            help: "Deliveries that did not arrive. If it rises, look for nodes whose connection to Redis breaks.")
        expected = registry.counter(
            "backplane_relay_check_messages_expected_total",
            help: "Deliveries and answers that were expected: divide messages_lost_total by this.")
        latency = registry.histogram(
            "backplane_relay_check_latency_seconds",
            help:
                "Time from sending a message to its arrival at a client, through a node, Redis and another node. If it grows, check the load of Redis and the nodes.",
            buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10])
        for verdict in CheckVerdict.allCases { _ = runs.with(verdict.rawValue) }
        _ = runs.with(Self.error)
        registry.registerProcess(version: version)
    }

    func record(_ outcome: CheckOutcome, at time: Double) {
        success.set(outcome.verdict == .pass ? 1 : 0)
        lastRun.set(time)
        duration.set(outcome.durationSeconds)
        runs.with(outcome.verdict.rawValue).increment()
        lost.increment(by: outcome.losses.count)
        expected.increment(by: outcome.rows.reduce(0) { $0 + $1.expected })
        for value in outcome.latency?.values ?? [] {
            for _ in 0..<value.count { latency.observe(value.seconds) }
        }
    }

    /// A check that could not be carried out.
    func recordError(duration seconds: Double, at time: Double) {
        success.set(0)
        lastRun.set(time)
        duration.set(seconds)
        runs.with(Self.error).increment()
    }
}
