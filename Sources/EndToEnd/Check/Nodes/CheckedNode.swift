/// A node under check.
struct CheckedNode: Sendable {
    /// `node 1`
    let name: String
    let url: NodeURL
    /// What it tells of itself; nil for a node of another process.
    let log: NodeLog?
}
