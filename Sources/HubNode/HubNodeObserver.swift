package import Backplane

/// Is told what a node does on the backplane; the end-to-end check learns from it which envelope was lost where.
///
/// All calls come from the node's event loop and must not wait.
package protocol HubNodeObserver: Sendable {
    /// The node published a message, and Redis gave it this id.
    func published(id: UInt64, message: Message)
    /// The node hears all that is published from now on, and can publish.
    func opened()
    /// The node's subscription or its publishing connection has ended: until ``opened()`` it is deaf.
    func closed(reason: String)
    /// Ids that the node never saw, both included.
    func missed(from: UInt64, to: UInt64)
    /// The counter was set back.
    func counterReset(from: UInt64, to: UInt64)
}
