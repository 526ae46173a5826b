import HTTPGuard
import Hummingbird
import HummingbirdCore
import HummingbirdTLS
import Logging
import NIOCore
import ServiceLifecycle
import SystemPackage

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

/// Why listening on an address failed.
package enum ListenFailure: Sendable, Equatable {
    case inUse
    /// No interface of this machine has it.
    case notOurs
    case notPermitted
    case unknownHost
    /// The system's text.
    case other(String)

    init(errno code: Int32) {
        switch code {
        case EADDRINUSE: self = .inUse
        case EADDRNOTAVAIL: self = .notOurs
        case EACCES, EPERM: self = .notPermitted
        default: self = .other(Errno(rawValue: code).description)
        }
    }

    /// nil for an unrelated error.
    package init?(_ error: any Error) {
        switch error {
        case let error as IOError: self.init(errno: error.errnoCode)
        case is SocketAddressError, is SocketAddressError.UnknownHost: self = .unknownHost
        default: return nil
        }
    }

    /// A sentence with the remedy, without the option's name.
    package func sentence(host: String, port: Int) -> String {
        let address = Self.address(host: host, port: port)
        return switch self {
        case .inUse:
            "\(address) is in use by another process: \"ss -ltnp 'sport = :\(port)'\" shows which"
        case .notOurs: "no network interface of this machine has the address of \(address)"
        case .notPermitted:
            "this user may not listen on \(address): ports below 1024 need the right CAP_NET_BIND_SERVICE"
        case .unknownHost: "the host name in \(address) does not resolve"
        case .other(let reason): "cannot listen on \(address): \(reason)"
        }
    }

    /// Binds the address briefly.
    ///
    /// - Returns: nil on success.
    package static func probe(host: String, port: Int) -> ListenFailure? {
        guard port > 0 else { return nil }
        let address: SocketAddress
        do {
            address = try SocketAddress.makeAddressResolvingHost(host, port: port)
        } catch {
            return .unknownHost
        }
        let family = address.protocol == .inet6 ? AF_INET6 : AF_INET
        let descriptor = socket(family, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { return ListenFailure(errno: errno) }
        defer { close(descriptor) }
        // Like the server: remnants of closed connections do not matter.
        var yes: Int32 = 1
        setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &yes, socklen_t(MemoryLayout<Int32>.size))
        let isBound = address.withSockAddr { bind(descriptor, $0, socklen_t($1)) == 0 && listen(descriptor, 1) == 0 }
        return isBound ? nil : ListenFailure(errno: errno)
    }

    private static func address(host: String, port: Int) -> String {
        host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)"
    }
}

/// Errors that prevent a relay from running, besides Redis and the disk.
package enum RelayError: Error, Sendable, Equatable, CustomStringConvertible {
    /// The HTTP surface cannot be bound.
    case cannotListen(host: String, port: Int, ListenFailure)
    /// The bearer token's file is unusable.
    case badWebToken(path: String, reason: String)
    /// A TLS file of the HTTP surface is unusable.
    case badCertificate(path: String, reason: String)

    package var description: String {
        switch self {
        case .cannotListen(let host, let port, let failure):
            "cannot serve the live page and /metrics: \(failure.sentence(host: host, port: port)); name another address"
        case .badWebToken(let path, let reason):
            "'\(path)' \(reason); make a token with: (umask 077; openssl rand -hex 32 > FILE)"
        case .badCertificate(let path, let reason):
            "'\(path)' cannot be used for TLS: \(reason)"
        }
    }
}
