import HTTPGuard
import Hummingbird
import HummingbirdCore
import HummingbirdTLS
import Logging
import NIOCore
import ServiceLifecycle

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// Binds the HTTP surface and serves it.
struct RelayWeb: Sendable {
    let configuration: RelayConfiguration
    let metrics: RelayMetrics
    let status: RelayStatus
    let feed: LiveFeed
    let sessions: WebSessions?
    let logger: Logger
    var limits = HTTPLimits()
    /// Called once it is bound, with its port.
    let onListening: @Sendable (_ port: Int) -> Void

    /// Until cancellation; answers under way are still written, within ``HTTPLimits/farewell``.
    ///
    /// - Throws: ``RelayError`` if the address cannot be bound.
    func run() async throws {
        let server = ServiceGroup(
            configuration: ServiceGroupConfiguration(
                services: [try application()], logger: Logger(label: "services") { _ in SwiftLogNoOpLogHandler() }))
        // Detached: a server that is cancelled stops the process over a connection which it has just accepted (NIO:
        // "Deinited NIOAsyncWriter without calling finish()"). It is only ever asked to end.
        let serving = Task.detached { try await server.run() }
        do {
            try await withTaskCancellationHandler {
                try await serving.value
            } onCancel: {
                Task { await server.triggerGracefulShutdown() }
            }
        } catch {
            guard let failure = ListenFailure(error) else { throw error }
            throw RelayError.cannotListen(
                host: configuration.listenHost, port: configuration.listenPort, failure)
        }
    }

    private func application() throws -> some ApplicationProtocol {
        let access = configuration.access
        let scheme = access.certificate == nil ? "http" : "https"
        if let warning = access.warning(listenHost: configuration.listenHost) {
            logger.warning("the HTTP surface is open to others", metadata: ["cause": "\(warning)"])
        }
        if let warning = access.certificate?.warning() {
            logger.warning("clients will not accept the HTTP surface", metadata: ["cause": "\(warning)"])
        }
        return Application(
            responder: HeadResponder(
                RelayHTTP.router(
                    metrics: metrics, status: status, channels: configuration.channels, sessions: sessions,
                    live: LiveRoutes(feed: feed, sessions: sessions, isSecure: access.certificate != nil),
                    hosts: HostPolicy(listenHost: configuration.listenHost, allowed: access.allowedHosts),
                    hostRemedy: access.hostRemedy
                ).buildResponder().showing(access.openPages)),
            server: try server(),
            configuration: ApplicationConfiguration(
                address: .hostname(configuration.listenHost, port: configuration.listenPort),
                serverName: "backplane-relay", backlog: HTTPLimits.backlog),
            onServerRunning: { [configuration, logger, onListening] channel in
                let port = channel.localAddress?.port ?? 0
                let address = "\(scheme)://\(configuration.listenHost):\(port)"
                logger.notice("listening", metadata: ["page": "\(address)/", "metrics": "\(address)/metrics"])
                onListening(port)
            },
            logger: Logger(label: "http") { _ in SwiftLogNoOpLogHandler() })
    }

    private func server() throws -> HTTPServerBuilder {
        let plain = HTTPServerBuilder.guarded(
            limits: limits, gate: ConnectionGate(limits: limits, registry: metrics.registry, logger: logger))
        guard let certificate = configuration.access.certificate else { return plain }
        return try .tls(plain, tlsConfiguration: certificate.serverConfiguration(logger: logger))
    }
}
