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
    let configuration: WebConfiguration
    let context: RelayContext
    let pages: (any WebRoutes)?
    var limits = HTTPLimits()
    /// Called once it is bound, with its port.
    let onListening: @Sendable (_ port: Int) -> Void

    private var logger: Logger { context.logger }

    /// Runs until cancellation; responses in progress are completed, within ``HTTPLimits/farewell``.
    ///
    /// - Throws: ``RelayError`` if the address cannot be bound.
    func run() async throws {
        let server = ServiceGroup(
            configuration: ServiceGroupConfiguration(
                services: [try application()], logger: Logger(label: "services") { _ in SwiftLogNoOpLogHandler() }))
        // Detached: cancelling a server stops the process if it has just accepted a connection (NIO: "Deinited
        // NIOAsyncWriter without calling finish()"). It is only shut down gracefully.
        let serving = Task.detached { try await server.run() }
        do {
            try await withTaskCancellationHandler {
                try await serving.value
            } onCancel: {
                Task { await server.triggerGracefulShutdown() }
            }
        } catch {
            guard let failure = ListenFailure(error) else { throw error }
            throw RelayError.cannotListen(host: configuration.host, port: configuration.port, failure)
        }
    }

    private func application() throws -> some ApplicationProtocol {
        let access = configuration.access
        let scheme = access.certificate == nil ? "http" : "https"
        if let warning = access.warning(listenHost: configuration.host) {
            logger.warning("the HTTP surface is open to others", metadata: ["cause": "\(warning)"])
        }
        if let warning = access.certificate?.warning() {
            logger.warning("clients will reject the certificate of the HTTP surface", metadata: ["cause": "\(warning)"])
        }
        return Application(
            responder: HeadResponder(
                RelayHTTP(
                    context: context,
                    site: WebSite(
                        sessions: access.token.map { WebSessions(token: $0) }, isSecure: access.certificate != nil),
                    pages: pages, hosts: HostPolicy(listenHost: configuration.host, allowed: access.allowedHosts),
                    hostRemedy: access.hostRemedy
                ).router().buildResponder().showing(access.openPages)),
            server: try server(),
            configuration: ApplicationConfiguration(
                address: .hostname(configuration.host, port: configuration.port),
                serverName: "backplane-relay", backlog: HTTPLimits.backlog),
            onServerRunning: { [configuration, logger, onListening] channel in
                let port = channel.localAddress?.port ?? 0
                let address = "\(scheme)://\(configuration.host):\(port)"
                logger.notice("listening", metadata: ["page": "\(address)/", "metrics": "\(address)/metrics"])
                onListening(port)
            },
            logger: Logger(label: "http") { _ in SwiftLogNoOpLogHandler() })
    }

    private func server() throws -> HTTPServerBuilder {
        let plain = HTTPServerBuilder.guarded(
            limits: limits, gate: ConnectionGate(limits: limits, registry: context.registry, logger: logger))
        guard let certificate = configuration.access.certificate else { return plain }
        return try .tls(plain, tlsConfiguration: certificate.serverConfiguration(logger: logger))
    }
}
