package import JSON

/// Events of a client, in order of arrival.
package enum SignalRClientEvent: Sendable {
    /// The node calls a method of this client.
    case invocation(ClientInvocation)
    /// A call reports progress. Also delivered to the call's own callback while it runs.
    case progress(call: Int, value: JSONTree)
    case stateChanged(SignalRClientState)
    /// The node asks this client to reconnect (`T:1`), because it is stopping. Unless the client reconnects by itself,
    /// its owner should call ``SignalRClient/reconnect(to:)``.
    case nodeAsksToReconnect
}
