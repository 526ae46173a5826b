package import NIOCore

/// Limits for HTTP clients of a server.
package struct HTTPLimits: Sendable {
    /// At the same time, over all clients.
    package var connections = 100
    /// A response without progress for this long is closed for a new connection if there are too many; nil: never.
    package var stall: TimeAmount? = .seconds(5)
    /// From the connection, or a request's first byte, to the end of its header; the first one includes the TLS
    /// handshake.
    package var header = TimeAmount.seconds(10)
    /// From the end of the header to the request's last byte.
    package var body = TimeAmount.seconds(10)
    /// From a request's last byte until its response is written; for a streaming response, until the next piece. nil:
    /// unlimited.
    package var response: TimeAmount? = .seconds(30)
    /// Between two requests.
    package var idle = TimeAmount.seconds(120)
    /// For a response in progress when the server stops.
    package var farewell = TimeAmount.seconds(1)
    /// For a refused client to read the reason.
    package var linger = TimeAmount.seconds(1)
    /// All header fields of a request, and each of them.
    package var headerBytes = 16 * 1024
    package var headerFields = 100
    /// How much of a request is read and discarded if it was answered early.
    package var unreadBytes = 256 * 1024

    /// The kernel's queue of connections not yet accepted; they are accepted immediately, so it only fills in bursts.
    package static let backlog = 1024

    package init() {}
}
