import Backplane
import JSON

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

    private func target(_ audience: Audience) -> HubTarget {
        HubTarget(hub: hub, audience: audience, callerID: callerID, publisher: publisher)
    }
}

/// Clients of a hub on which a method can be called.
public struct HubTarget: Sendable {
    let hub: String
    let audience: Audience
    let callerID: String
    let publisher: any Publisher

    /// Calls a method on the clients. Returns when the message is published, not when it has arrived.
    ///
    /// - Throws: if publishing failed.
    public func invoke<each Argument: HubValue>(_ method: String, _ arguments: repeat each Argument) async throws {
        var encoded: [[UInt8]] = []
        for argument in repeat each arguments { encoded.append(try argument.json()) }
        try await publisher.invoke(
            ClientCall(
                hub: hub, method: method, arguments: encoded, audience: audience, callerID: callerID))
    }
}
