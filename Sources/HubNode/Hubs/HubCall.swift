import Backplane
import JSON

/// The caller of a hub method, and the clients that the method can reach.
public struct HubCall: Sendable {
    /// Connection id of the caller.
    public let connectionID: String
    /// The user of the connection; empty if there is none.
    public let user: String
    /// The clients it can call.
    public let clients: HubClients
    /// The groups of the hub.
    public let groups: HubGroups

    private let requestID: String?
    fileprivate let publisher: any Publisher

    init(connectionID: String, user: String, hub: String, requestID: String?, publisher: any Publisher) {
        self.connectionID = connectionID
        self.user = user
        self.requestID = requestID
        self.publisher = publisher
        clients = HubClients(hub: hub, caller: connectionID, publisher: publisher)
        groups = HubGroups(hub: hub, publisher: publisher)
    }

    /// Reports progress to the caller, before the result.
    public func reportProgress(_ value: some HubValue) async throws {
        try await publisher.reportProgress(try value.json(), requestID: requestID, connectionID: connectionID)
    }
}

extension HubCall {
    /// Ends the caller's connection.
    public func abort() async throws {
        try await publisher.abort(connectionID: connectionID)
    }
}

/// The groups of a hub. The node that owns a connection keeps its memberships, so changing one is a command through the
/// backplane, acknowledged by that node.
public struct HubGroups: Sendable {
    let hub: String
    let publisher: any Publisher

    /// Returns once the owner of the connection has acknowledged.
    ///
    /// - Throws: without an ack within 30 seconds: no node owns the connection.
    public func add(_ connectionID: String, to group: String) async throws {
        try await publisher.changeGroup(.add, group: group, hub: hub, connectionID: connectionID)
    }

    /// Returns once the owner of the connection has acknowledged.
    ///
    /// - Throws: without an ack within 30 seconds: no node owns the connection.
    public func remove(_ connectionID: String, from group: String) async throws {
        try await publisher.changeGroup(.remove, group: group, hub: hub, connectionID: connectionID)
    }
}
