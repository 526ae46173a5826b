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

/// The TLS state of a connection, for error texts.
struct TLSWatch {
    let endpoint: String
    /// The expected name in the certificate; nil for a plain connection.
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

    /// - Returns: nil for an error unrelated to TLS; ``RedisError/connectionClosed(endpoint:)`` if the server merely
    ///   closed an established connection.
    func failure(_ error: any Error, context: ChannelHandlerContext) -> RedisError? {
        guard let host else { return nil }
        let handler = try? context.pipeline.syncOperations.handler(type: NIOSSLClientHandler.self)
        let failure = TLSFailure(
            error, certificate: handler?.peerCertificate, host: host, at: Int(SystemClock.realtime() / 1_000_000_000))
        guard let failure else { return nil }
        return failure == .closed && hasHeard
            ? .connectionClosed(endpoint: endpoint) : .tls(endpoint: endpoint, failure)
    }

    /// How an error ends a connection that subscribes or reads the replication stream.
    ///
    /// - Returns: the cause, and the error to throw if the connection was not established; nil for the one that follows
    ///   from the cause.
    func end(by error: any Error, context: ChannelHandlerContext) -> (cause: DisconnectCause, failure: RedisError?) {
        switch failure(error, context: context) {
        // The server closed without TLS' close_notify, like Redis does.
        case .connectionClosed?: (.closedByServer, nil)
        case let failure?: (.ioError(failure.description), failure)
        case nil:
            (
                .ioError(ConnectFailure.words(of: error)),
                (error as? IOError)?.errnoCode == ECONNRESET ? closed : nil
            )
        }
    }

    /// The connection ended without a reply and without an error.
    var closed: RedisError {
        host != nil && !hasHeard ? .tls(endpoint: endpoint, .closed) : .connectionClosed(endpoint: endpoint)
    }

    func noAnswer(seconds: Int) -> RedisError {
        host != nil && !isSecure
            ? .tls(endpoint: endpoint, .noAnswer(seconds: seconds)) : .noAnswer(endpoint: endpoint, seconds: seconds)
    }
}

extension ChannelHandlerContext {
    /// Closes the socket without TLS' close_notify, which would wait for a dead peer.
    func closeAtOnce() {
        if let tls = try? pipeline.syncOperations.context(handlerType: NIOSSLClientHandler.self) {
            // From after the TLS handler, which is therefore not notified before the socket is closed.
            tls.close(promise: nil)
        } else {
            close(promise: nil)
        }
    }
}
