package import NIOCore

/// What one HTTP client may take of a server.
package struct HTTPLimits: Sendable {
    /// At once, of all clients.
    package var connections = 100
    /// An answer that makes no step for this long gives way to a new connection when there are too many; nil: never.
    package var stall: TimeAmount? = .seconds(5)
    /// From the connection, or a request's first byte, to the end of its header; a TLS handshake belongs to the first.
    package var header = TimeAmount.seconds(10)
    /// From the end of the header to the request's last byte.
    package var body = TimeAmount.seconds(10)
    /// From a request's last byte until its answer is written; of an answer that streams, until its next piece is. nil: as
    /// long as it takes.
    package var response: TimeAmount? = .seconds(30)
    /// Between two requests.
    package var idle = TimeAmount.seconds(120)
    /// For an answer under way when the server stops.
    package var farewell = TimeAmount.seconds(1)
    /// For a client that was refused, to read why.
    package var linger = TimeAmount.seconds(1)
    /// All header fields of a request, and each of them.
    package var headerBytes = 16 * 1024
    package var headerFields = 100
    /// What is read and thrown away of a request that was answered before its end.
    package var unreadBytes = 256 * 1024

    /// Connections that the kernel keeps until they are taken; they are taken at once, so many come at once only.
    package static let backlog = 1024

    package init() {}
}
