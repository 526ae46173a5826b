import Capture
package import HTTPGuard
import Hummingbird
package import Logging
import Loopback
import NIOCore
import Prometheus
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
