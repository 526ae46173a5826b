import NIOCore
import NIOSSL
import NIOTLS
import TLS
import Time

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// How far a connection's TLS has come, for the words of its end.
struct TLSWatch {
    let endpoint: String
    /// The name that the certificate must be for; nil for a plain connection.
    private let host: String?
    private var isSecure = false
    private var hasHeard = false

    init(_ configuration: RedisConfiguration, server: RedisEndpoint) {
        endpoint = server.description
        host = configuration.tls.map { tls in
            if let name = tls.serverName { return name }
            if case .tcp(let host, _) = server { return host }
            return server.description
        }
    }

    mutating func noticed(_ event: Any) {
        if case .handshakeCompleted? = event as? TLSUserEvent { isSecure = true }
    }

    mutating func heard() { hasHeard = true }

    /// - Returns: nil for an error that has nothing to do with TLS; ``RedisError/connectionClosed(endpoint:)`` where the
    ///   server only ended a connection that was in use.
    func failure(_ error: any Error, context: ChannelHandlerContext) -> RedisError? {
        guard let host else { return nil }
        let handler = try? context.pipeline.syncOperations.handler(type: NIOSSLClientHandler.self)
        let failure = TLSFailure(
            error, certificate: handler?.peerCertificate, host: host, at: Int(SystemClock.realtime() / 1_000_000_000))
        guard let failure else { return nil }
        return failure == .closed && hasHeard
            ? .connectionClosed(endpoint: endpoint) : .tls(endpoint: endpoint, failure)
    }

    /// The connection is over without an answer and without an error.
    var closed: RedisError {
        host != nil && !hasHeard ? .tls(endpoint: endpoint, .closed) : .connectionClosed(endpoint: endpoint)
    }

    func noAnswer(seconds: Int) -> RedisError {
        host != nil && !isSecure
            ? .tls(endpoint: endpoint, .noAnswer(seconds: seconds)) : .noAnswer(endpoint: endpoint, seconds: seconds)
    }
}

extension ChannelHandlerContext {
    /// Closes the socket without TLS' farewell, which a dead peer would make us wait for.
    func closeAtOnce() {
        if let tls = try? pipeline.syncOperations.context(handlerType: NIOSSLClientHandler.self) {
            // From behind the TLS handler, which so does not hear of it before the socket is closed.
            tls.close(promise: nil)
        } else {
            close(promise: nil)
        }
    }
}
