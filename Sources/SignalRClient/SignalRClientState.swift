/// Where a client stands.
package enum SignalRClientState: Sendable, Equatable {
    case connecting
    case connected
    /// The transport is gone; the client tries to get it back.
    case reconnecting(reason: String)
    /// The transport is gone; the owner decides when to reconnect.
    case waiting(reason: String)
    /// For good.
    case disconnected(reason: String)
}
