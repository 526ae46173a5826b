import Logging
import ServiceLifecycle
import UnixSignals

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// Runs a command's service until SIGTERM or SIGINT requests its shutdown.
enum ServiceRunner {
    /// - Parameter onStop: called when the shutdown begins.
    static func run(
        _ service: some Service, log: Log, signals: SignalActions = SignalActions(),
        onStop: @escaping @Sendable () -> Void = {}
    ) async throws {
        let services = ServiceGroup(
            configuration: ServiceGroupConfiguration(
                services: [
                    .init(
                        service: InterruptibleService(service, onStop: onStop),
                        successTerminationBehavior: .gracefullyShutdownGroup)
                ],
                gracefulShutdownSignals: [.sigterm, .sigint],
                logger: Logger(label: "services") { _ in SwiftLogNoOpLogHandler() }))
        // Trapped before anything runs: by default each of these ends the process.
        let trapped = await UnixSignalsSequence(trapping: .sighup, .sigusr1, .sigusr2)
        let answering = Task { await signals.answer(trapped, log: log) }
        defer {
            answering.cancel()
            log.destination.finish()
        }
        try await services.run()
    }
}

/// A second SIGTERM or SIGINT during the graceful shutdown ends the process immediately.
private struct InterruptibleService<Wrapped: Service>: Service {
    private let wrapped: Wrapped
    private let onStop: @Sendable () -> Void

    init(_ wrapped: Wrapped, onStop: @escaping @Sendable () -> Void) {
        self.wrapped = wrapped
        self.onStop = onStop
    }

    func run() async throws {
        try await withGracefulShutdownHandler {
            try await wrapped.run()
        } onGracefulShutdown: {
            signal(SIGTERM, SIG_DFL)
            signal(SIGINT, SIG_DFL)
            onStop()
        }
    }
}

/// Actions for signals that do not end a service.
struct SignalActions: Sendable {
    /// SIGHUP, after the log file was reopened.
    var hangup: @Sendable () -> Void = {}
    /// SIGUSR1.
    var user1: @Sendable () -> Void = {}
    /// SIGUSR2.
    var user2: @Sendable () -> Void = {}

    /// Handles signals until cancelled.
    func answer(_ signals: UnixSignalsSequence, log: Log) async {
        for await signal in signals {
            switch signal {
            case .sighup:
                do {
                    try log.destination.reopen()
                } catch {
                    log.logger.error("the log file was not reopened", metadata: ["cause": "\(error)"])
                }
                hangup()
            case .sigusr1: user1()
            case .sigusr2: user2()
            default: break
            }
        }
    }
}
