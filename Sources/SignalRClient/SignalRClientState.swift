/// The state of a client.
package enum SignalRClientState: Sendable, Equatable {
    case connecting
    case connected
    /// The transport is lost; the client is reconnecting.
    case reconnecting(reason: String)
    /// The transport is lost; the owner decides when to reconnect.
    case waiting(reason: String)
    /// Permanently.
    case disconnected(reason: String)
}
