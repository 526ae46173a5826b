package import JSON

/// A call of a client method by a node.
package struct ClientInvocation: Sendable, Equatable {
    package var hub: String
    package var method: String
    package var arguments: [JSONTree]
    /// `C` of its frame: on a scaled-out node `s-0,<HEX of the last envelope id in the frame>`.
    package var cursor: String

    package init(hub: String, method: String, arguments: [JSONTree], cursor: String) {
        self.hub = hub
        self.method = method
        self.arguments = arguments
        self.cursor = cursor
    }
}
