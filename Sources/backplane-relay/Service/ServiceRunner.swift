import Logging
import ServiceLifecycle
import UnixSignals

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// Runs what a command is there for until SIGTERM or SIGINT asks for its orderly end.
enum ServiceRunner {
    /// - Parameter onStop: called when the orderly end begins.
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

/// Lets a second SIGTERM or SIGINT end the process at once, while the first one's orderly stop is under way.
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
