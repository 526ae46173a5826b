package import SignalRClient

/// A node to check.
package struct CheckedNode: Sendable {
    /// `node 1`
    package let name: String
    package let url: NodeURL
    /// Its own log; nil for a node of another process.
    package let log: NodeLog?

    package init(name: String, url: NodeURL, log: NodeLog?) {
        self.name = name
        self.url = url
        self.log = log
    }

    /// The longest wait for a call: longer than a node waits for the ack of a group command, in general 30 to 35 s.
    package var callTimeout: Duration { log == nil ? .seconds(40) : InProcessNodes.shortAcknowledgement + .seconds(10) }
}
