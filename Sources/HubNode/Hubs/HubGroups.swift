import Backplane

/// The groups of a hub. The node that owns a connection keeps its memberships, so changing one is a command through the
/// backplane, acknowledged by that node.
public struct HubGroups: Sendable {
    let hub: String
    let broker: MessageBroker

    /// Returns once the owner of the connection has acknowledged.
    ///
    /// - Throws: if nobody does within 30 seconds: no node owns the connection.
    public func add(_ connectionID: String, to group: String) async throws {
        try await broker.command(.addToGroup, group: group, hub: hub, connectionID: connectionID)
    }

    /// Returns once the owner of the connection has acknowledged.
    ///
    /// - Throws: if nobody does within 30 seconds: no node owns the connection.
    public func remove(_ connectionID: String, from group: String) async throws {
        try await broker.command(.removeFromGroup, group: group, hub: hub, connectionID: connectionID)
    }
}
