import JSON

/// A node's response to `/negotiate`.
///
/// Source: `PersistentConnection.cs` of SignalR 2.
struct NegotiateAnswer: Equatable, Sendable {
    let connectionID: String
    let connectionToken: String
    /// A transport that is silent for this long is dead; nil if the node sends no keep-alives.
    let keepAliveTimeout: Duration?
    /// A client that has been without a transport for this long is dropped by the node.
    let disconnectTimeout: Duration
    /// A long poll is answered within this time.
    let connectionTimeout: Duration
    /// From the opening of the transport to the first frame.
    let transportConnectTimeout: Duration
    let offersWebSockets: Bool

    /// - Returns: nil if this is not the response of a SignalR 2 node.
    init?(_ json: JSONTree) {
        guard let id = json["ConnectionId"]?.string, let token = json["ConnectionToken"]?.string else { return nil }
        connectionID = id
        connectionToken = token
        keepAliveTimeout = Self.seconds(json["KeepAliveTimeout"])
        disconnectTimeout = Self.seconds(json["DisconnectTimeout"]) ?? .seconds(30)
        connectionTimeout = Self.seconds(json["ConnectionTimeout"]) ?? .seconds(110)
        transportConnectTimeout = Self.seconds(json["TransportConnectTimeout"]) ?? .seconds(5)
        offersWebSockets = json["TryWebSockets"]?.bool ?? true
    }

    /// At most a day, whatever a node sends.
    private static func seconds(_ json: JSONTree?) -> Duration? {
        guard let seconds = json?.number, seconds > 0, seconds.isFinite else { return nil }
        return .seconds(min(seconds, 86_400))
    }
}
