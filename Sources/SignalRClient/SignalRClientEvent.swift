package import JSON

/// What happens to a client, in the order of arrival.
package enum SignalRClientEvent: Sendable {
    /// The node calls a method of this client.
    case invocation(ClientInvocation)
    /// A call reports progress. Also delivered to the call's own callback while it runs.
    case progress(call: Int, value: JSONTree)
    case stateChanged(SignalRClientState)
    /// The node wants this client to reconnect (`T:1`), because it stops. Unless the client does that by itself, its
    /// owner should call ``SignalRClient/reconnect(to:)``.
    case nodeAsksToReconnect
}
