import NIOConcurrencyHelpers
package import NIOCore
import NIOHTTP1
import NIOPosix
package import NIOSSL

/// Resources shared by all clients of a process: event loops, a pool of HTTP connections, and the TLS
/// context. A client alone has no thread and no pool, so that thousands fit into one process.
package final class SignalRNetwork: Sendable {
    let eventLoopGroup: any EventLoopGroup
    let http: HTTPConnections
    let connectTimeout: TimeAmount
    private let tls: TLSContext

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
        self.connectTimeout = TimeAmount(connectTimeout)
        let tls = TLSContext(tls)
        self.tls = tls
        http = HTTPConnections(
            eventLoopGroup: eventLoopGroup, connectTimeout: self.connectTimeout, sslContext: tls.made)
    }

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
    package func shutdown() async {
        await http.shutdown()
    }

    /// Gets a text from a server that need not be a node, over a connection of its own.
    ///
    /// - Parameters:
    ///   - path: with the query.
    ///   - timeout: for the whole response.
    ///   - limit: maximum number of bytes.
    /// - Returns: the body, whatever the status.
    /// - Throws: ``SignalRClientError/timedOut(node:what:after:)``; errors of the connection.
    package func text(
        from server: NodeURL, path: String, within timeout: Duration, upTo limit: Int
    ) async throws -> String {
        // An idle connection would delay the server's shutdown.
        let request = HTTPExchangeRequest(node: server, target: path, headers: ["Connection": "close"])
        let expired = SignalRClientError.timedOut(node: "\(server)", what: path, after: timeout)
        return try await Deadline.run(within: timeout, on: eventLoopGroup.any(), expired: expired) { [http] in
            let response = try await http.response(to: request, within: timeout)
            return String(buffer: try await response.body.collect(upTo: limit))
        }
    }

    /// Creates the TLS context off the event loops: reading the system's certificates takes long.
    @concurrent
    func prepareTLS() async throws {
        _ = try sslContext()
    }

    func sslContext() throws -> NIOSSLContext { try tls.made() }

    /// Created once, at the first call.
    private final class TLSContext: Sendable {
        private let configuration: TLSConfiguration
        private let context = NIOLockedValueBox<NIOSSLContext?>(nil)

        init(_ configuration: TLSConfiguration) {
            self.configuration = configuration
        }

        @Sendable
        func made() throws -> NIOSSLContext {
            try context.withLockedValue { context in
                if let context { return context }
                let made = try NIOSSLContext(configuration: configuration)
                context = made
                return made
            }
        }
    }
}
