import NIOCore

/// What one HTTP client may take of the relay.
struct WebLimits: Sendable {
    /// Further connections wait in the kernel's queue.
    var connections = 100
    /// From the connection, or a request's head, to the request's last byte.
    var request = TimeAmount.seconds(10)
    /// From a request's last byte until its answer is written; of an answer that streams, until its next piece is.
    var response = TimeAmount.seconds(30)
    /// Between two requests.
    var idle = TimeAmount.seconds(120)
    /// For an answer under way when the relay stops.
    var farewell = TimeAmount.seconds(1)
    /// Name and value of one header field, and all of them together.
    var headerBytes = 16 * 1024
    var headerFields = 100
    /// No request of ours has a body, but for the token of a login.
    var bodyBytes = 64 * 1024
}
