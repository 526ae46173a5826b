import Backplane
import JSON

/// The clients of a hub, on whichever node they are.
public struct HubClients: Sendable {
    private let hub: String
    private let callerID: String
    private let broker: MessageBroker

    init(hub: String, caller: String, broker: MessageBroker) {
        self.hub = hub
        callerID = caller
        self.broker = broker
    }

    public var all: HubTarget { target(.hub(hub)) }
    public var caller: HubTarget { client(callerID) }
    /// All but the caller.
    public var others: HubTarget { target(.hub(hub), without: [callerID]) }

    public func client(_ connectionID: String) -> HubTarget {
        target(.client(hub: hub, connectionID: connectionID))
    }

    public func group(_ name: String) -> HubTarget {
        target(.group(hub: hub, group: name))
    }

    /// A group without the caller.
    public func othersInGroup(_ name: String) -> HubTarget {
        target(.group(hub: hub, group: name), without: [callerID])
    }

    /// Every connection of a user.
    public func user(_ id: String) -> HubTarget {
        target(.user(hub: hub, userID: id))
    }

    public func allExcept(_ connectionIDs: [String]) -> HubTarget {
        target(.hub(hub), without: connectionIDs)
    }

    private func target(_ signal: Signal, without excluded: [String] = []) -> HubTarget {
        HubTarget(hub: hub, signal: signal, source: callerID, excluded: excluded, broker: broker)
    }
}

/// Some clients of a hub, to call a method of.
public struct HubTarget: Sendable {
    let hub: String
    let signal: Signal
    let source: String
    let excluded: [String]
    let broker: MessageBroker

    /// Calls a method on the clients. Returns when the message is published, not when it has arrived.
    ///
    /// - Throws: if it could not be published.
    public func invoke<each Argument: HubValue>(_ method: String, _ arguments: repeat each Argument) async throws {
        var writer = JSONWriter()
        writer.raw(#"{"H":"#)
        writer.string(hub)
        writer.raw(#","M":"#)
        writer.string(method)
        writer.raw(#","A":["#)
        for argument in repeat each arguments {
            writer.element()
            writer.raw(try argument.json())
        }
        writer.raw("]}")
        try await broker.publish(
            Message(
                source: source, key: signal.key, value: writer.bytes,
                filter: excluded.map { Signal.connection($0).key }.joined(separator: "|")))
    }
}
