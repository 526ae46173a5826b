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

/// A call of a client method by a node.
package struct ClientInvocation: Sendable, Equatable {
    /// Empty from a node of ASP.NET Core, where a connection belongs to one hub.
    package var hub: String
    /// The client method, in the case in which the node sent it.
    package var method: String
    /// In order; from MessagePack converted to JSON.
    package var arguments: [JSONTree]
    /// `C` of its frame: on a scaled-out node `s-0,<HEX of the last envelope id in the frame>`. Nil from a node of
    /// ASP.NET Core, which has no cursors.
    package var cursor: String?

    /// - Parameters:
    ///   - hub: empty for ASP.NET Core.
    ///   - cursor: nil for ASP.NET Core.
    package init(hub: String, method: String, arguments: [JSONTree], cursor: String?) {
        self.hub = hub
        self.method = method
        self.arguments = arguments
        self.cursor = cursor
    }
}
