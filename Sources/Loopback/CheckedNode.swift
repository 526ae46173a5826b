package import SignalRClient

/// A node under check.
package struct CheckedNode: Sendable {
    /// `node 1`
    package let name: String
    package let url: NodeURL
    /// What it tells of itself; nil for a node of another process.
    package let log: NodeLog?

    package init(name: String, url: NodeURL, log: NodeLog?) {
        self.name = name
        self.url = url
        self.log = log
    }

    /// The longest wait for a call: above the time in which the node gives up a group command, 30 to 35 s in general.
    package var callTimeout: Duration { log == nil ? .seconds(40) : InProcessNodes.shortAcknowledgement + .seconds(10) }
}
