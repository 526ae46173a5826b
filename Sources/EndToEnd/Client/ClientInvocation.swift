/// A call of a client method by a node.
public struct ClientInvocation: Sendable, Equatable {
    public var hub: String
    public var method: String
    public var arguments: [JSONValue]
    /// `C` of its frame: on a scaled-out node `s-0,<HEX of the last envelope id in the frame>`.
    public var cursor: String

    public init(hub: String, method: String, arguments: [JSONValue], cursor: String) {
        self.hub = hub
        self.method = method
        self.arguments = arguments
        self.cursor = cursor
    }
}
