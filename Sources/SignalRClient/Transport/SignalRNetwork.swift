import AsyncHTTPClient
import NIOConcurrencyHelpers
package import NIOCore
import NIOPosix
package import NIOSSL

/// What all clients of a process share: the event loops, one HTTP client with its pool of connections, and the TLS
/// context. A client by itself has no thread and no pool, so that thousands fit into one process.
package final class SignalRNetwork: Sendable {
    let eventLoopGroup: any EventLoopGroup
    let http: HTTPClient
    private let tls: TLSConfiguration
    private let context = NIOLockedValueBox<NIOSSLContext?>(nil)

    /// - Parameters:
    ///   - eventLoopGroup: nil takes the one that the process has anyway.
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
        // Every event stream and long poll holds a connection for itself; the default of 8 would let the rest wait.
        configuration.connectionPool.concurrentHTTP1ConnectionsPerHostSoftLimit = 65_536
        // A refused connection is an answer: whoever asked decides whether to try again.
        configuration.connectionPool.retryConnectionEstablishment = false
        http = HTTPClient(eventLoopGroup: eventLoopGroup, configuration: configuration)
    }

    let connectTimeout: TimeAmount

    /// Closes what clients left open. No client may be used afterwards.
    package func shutdown() async throws {
        try await http.shutdown()
    }

    /// Makes the TLS context where no event loop waits for it: reading the system's certificates takes long.
    @concurrent
    func prepareTLS() async throws {
        _ = try sslContext()
    }

    /// Made once, at the first call.
    func sslContext() throws -> NIOSSLContext {
        try context.withLockedValue { context in
            if let context { return context }
            let made = try NIOSSLContext(configuration: tls)
            context = made
            return made
        }
    }
}
