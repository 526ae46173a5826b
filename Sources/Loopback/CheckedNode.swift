/// A node under check.
struct CheckedNode: Sendable {
    /// `node 1`
    let name: String
    let url: NodeURL
    /// What it tells of itself; nil for a node of another process.
    let log: NodeLog?

    /// The longest wait for a call: above the time in which the node gives up a group command, 30 to 35 s in general.
    var callTimeout: Duration { log == nil ? .seconds(40) : InProcessNodes.shortAcknowledgement + .seconds(10) }
}
