import AsyncHTTPClient
import NIOConcurrencyHelpers
package import NIOCore
import NIOPosix
package import NIOSSL

/// Resources shared by all clients of a process: event loops, an HTTP client with its connection pool, and the TLS
/// context. A client alone has no thread and no pool, so that thousands fit into one process.
package final class SignalRNetwork: Sendable {
    let eventLoopGroup: any EventLoopGroup
    let http: HTTPClient
    private let tls: TLSConfiguration
    private let context = NIOLockedValueBox<NIOSSLContext?>(nil)

    /// - Parameters:
    ///   - eventLoopGroup: nil uses the singleton of the process.
    ///   - tls: for https URLs.
    ///   - connectTimeout: the longest wait for a TCP connection.
    package init(
        eventLoopGroup: (any EventLoopGroup)? = nil, tls: TLSConfiguration = .makeClientConfiguration(),
        connectTimeout: Duration = .seconds(5)
    ) {
        let eventLoopGroup = eventLoopGroup ?? MultiThreadedEventLoopGroup.singleton
        self.eventLoopGroup = eventLoopGroup
        self.tls = tls
        self.connectTimeout = TimeAmount(connectTimeout)
        var configuration = HTTPClient.Configuration(tlsConfiguration: tls, redirectConfiguration: .disallow)
        configuration.timeout.connect = self.connectTimeout
        configuration.httpVersion = .http1Only
        // Every event stream and long poll occupies a connection; with the default limit of 8 the others would wait.
        configuration.connectionPool.concurrentHTTP1ConnectionsPerHostSoftLimit = 65_536
        // A refused connection is reported: the caller decides whether to retry.
        configuration.connectionPool.retryConnectionEstablishment = false
        http = HTTPClient(eventLoopGroup: eventLoopGroup, configuration: configuration)
    }

    let connectTimeout: TimeAmount

    /// - Parameter authorities: PEM file of the certificate authorities to trust at https URLs; nil for the system's.
    /// - Throws: ``SignalRClientError`` if the file has no certificate.
    package convenience init(authorities file: String?) throws(SignalRClientError) {
        var tls = TLSConfiguration.makeClientConfiguration()
        if let file {
            guard let certificates = try? NIOSSLCertificate.fromPEMFile(file), !certificates.isEmpty else {
                throw .badAuthorities(file: file)
            }
            tls.trustRoots = .certificates(certificates)
        }
        self.init(tls: tls)
    }

    /// Closes the remaining connections. No client may be used afterwards.
    package func shutdown() async throws {
        try await http.shutdown()
    }

    /// Creates the TLS context off the event loops: reading the system's certificates takes long.
    @concurrent
    func prepareTLS() async throws {
        _ = try sslContext()
    }

    /// Created once, at the first call.
    func sslContext() throws -> NIOSSLContext {
        try context.withLockedValue { context in
            if let context { return context }
            let made = try NIOSSLContext(configuration: tls)
            context = made
            return made
        }
    }
}
