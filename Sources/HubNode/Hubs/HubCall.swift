import Backplane
import JSON

/// Who calls a hub method, and whom the method can reach.
public struct HubCall: Sendable {
    public let connectionID: String
    /// The user behind the connection; empty if there is none.
    public let user: String
    public let clients: HubClients
    public let groups: HubGroups

    private let requestID: String?
    private let broker: MessageBroker

    init(connectionID: String, user: String, hub: String, requestID: String?, broker: MessageBroker) {
        self.connectionID = connectionID
        self.user = user
        self.requestID = requestID
        self.broker = broker
        clients = HubClients(hub: hub, caller: connectionID, broker: broker)
        groups = HubGroups(hub: hub, broker: broker)
    }

    /// Tells the caller how far its call has come, before the result.
    public func reportProgress(_ value: some HubValue) async throws {
        var writer = JSONWriter()
        writer.raw(#"{"I":"#)
        writer.string("P|\(requestID ?? "")")
        writer.raw(#","P":{"I":"#)
        if let requestID { writer.string(requestID) } else { writer.raw("null") }
        writer.raw(#","D":"#)
        writer.raw(try value.json())
        writer.raw("}}")
        try await broker.publish(
            Message(source: connectionID, key: Signal.connection(connectionID).key, value: writer.bytes))
    }
}
