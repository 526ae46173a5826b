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
