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

/// The clients of a hub, on any node.
public struct HubClients: Sendable {
    private let hub: String
    private let callerID: String
    private let publisher: any Publisher

    init(hub: String, caller: String, publisher: any Publisher) {
        self.hub = hub
        callerID = caller
        self.publisher = publisher
    }

    /// Every client of the hub.
    public var all: HubTarget { target(.all(except: [])) }
    /// The caller of the method.
    public var caller: HubTarget { client(callerID) }
    /// All clients but the caller.
    public var others: HubTarget { target(.all(except: [callerID])) }

    /// One client, by its connection id.
    public func client(_ connectionID: String) -> HubTarget {
        target(.client(connectionID))
    }

    /// One client of ASP.NET Core SignalR, which can be called for a result.
    public func single(_ connectionID: String) -> HubClient {
        HubClient(hub: hub, connectionID: connectionID, callerID: callerID, publisher: publisher)
    }

    /// The members of a group.
    public func group(_ name: String) -> HubTarget {
        target(.group(name, except: []))
    }

    /// A group, excluding the caller.
    public func othersInGroup(_ name: String) -> HubTarget {
        target(.group(name, except: [callerID]))
    }

    /// All connections of a user.
    public func user(_ id: String) -> HubTarget {
        target(.user(id))
    }

    /// All clients except these connections.
    public func allExcept(_ connectionIDs: [String]) -> HubTarget {
        target(.all(except: connectionIDs))
    }

    /// The members of a group except these connections.
    public func groupExcept(_ name: String, _ connectionIDs: [String]) -> HubTarget {
        target(.group(name, except: connectionIDs))
    }

    /// Several clients; one message for each.
    public func clients(_ connectionIDs: [String]) -> HubTarget { target(connectionIDs.map { .listed($0) }) }

    /// The members of several groups; one message for each group.
    public func groups(_ names: [String]) -> HubTarget { target(names.map { .group($0, except: []) }) }

    /// All connections of several users; one message for each user.
    public func users(_ ids: [String]) -> HubTarget { target(ids.map { .user($0) }) }

    private func target(_ audience: Audience) -> HubTarget { target([audience]) }

    private func target(_ audiences: [Audience]) -> HubTarget {
        HubTarget(hub: hub, audiences: audiences, callerID: callerID, publisher: publisher)
    }
}

/// Clients of a hub on which a method can be called.
public struct HubTarget: Sendable {
    let hub: String
    let audiences: [Audience]
    let callerID: String
    let publisher: any Publisher

    /// Calls a method on the clients. Returns when the message is published, not when it has arrived.
    ///
    /// - Throws: if publishing failed.
    public func invoke<each Argument: HubValue>(_ method: String, _ arguments: repeat each Argument) async throws {
        var encoded: [HubArgument] = []
        for argument in repeat each arguments { encoded.append(try HubArgument(argument)) }
        for audience in audiences {
            try await publisher.invoke(
                ClientCall(hub: hub, method: method, arguments: encoded, audience: audience, callerID: callerID))
        }
    }
}

/// One client of ASP.NET Core SignalR, on any node.
public struct HubClient: Sendable {
    let hub: String
    let connectionID: String
    let callerID: String
    let publisher: any Publisher

    /// Calls a method on the client and waits for its result. There is no timeout, as on a real node: the wait ends
    /// with the client's response, its disconnection, or cancellation of the task.
    ///
    /// - Throws: ``HubError`` with the client's error, or if the result has another type.
    public func ask<each Argument: HubValue, Result: HubValue>(
        _ method: String, _ arguments: repeat each Argument, as type: Result.Type = Result.self
    ) async throws -> Result {
        var encoded: [HubArgument] = []
        for argument in repeat each arguments { encoded.append(try HubArgument(argument)) }
        let answer = try await publisher.ask(
            ClientCall(
                hub: hub, method: method, arguments: encoded, audience: .client(connectionID), callerID: callerID))
        do {
            var reader = HubArguments([answer], isStrict: true)
            return try reader.next(Result.self)
        } catch let error as BindingError {
            throw HubError("Error trying to deserialize result to \(Result.self). \(error.cause)")
        }
    }
}
