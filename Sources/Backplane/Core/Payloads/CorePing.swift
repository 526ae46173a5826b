/// The backplane ping: a group command that changes nothing, and that the node with the connection acknowledges.
///
/// It removes a connection from a group that no application uses. The ack, on the sender's own channel, proves that
/// the node receives from Redis, processes messages, and can publish. Other nodes ignore it.
package struct CorePing: Sendable {
    /// Prefix of the sender's name. No machine has such a name, and none of its characters is special in patterns.
    private static let mark: StaticString = "backplane-relay~ping_"
    /// A group that no application uses.
    package static let group = "backplane-relay~ping"

    /// The sender's name, in place of a node's.
    package let server: String

    /// Makes a sender with a random name.
    package init() {
        let digits = "0123456789abcdef"
        server = "\(Self.mark)" + String((0..<32).compactMap { _ in digits.randomElement() })
    }

    /// The payload for the hub's `:internal:groups`.
    ///
    /// - Parameter id: returned in the ack.
    package func command(id: Int32, connection: String) -> [UInt8] {
        CoreGroupCommand(id: id, server: server, action: .remove, group: Self.group, connection: connection).encoded()
    }

    /// Whether an envelope is a ping, or the ack to one: nodes handle it like any other, but it is not the application's.
    package static func isPing(_ name: CoreChannelName, _ payload: CorePayloadView) -> Bool {
        switch payload {
        case .groupCommand(let command): isSender(command.server)
        case .ack: isSender(name.name)
        case .invocation, .completion: false
        }
    }

    /// Whether the server in a group command or ack channel is the sender of a ping instead of a node.
    package static func isSender(_ server: UnsafeRawBufferPointer) -> Bool {
        guard server.count > mark.utf8CodeUnitCount else { return false }
        for index in 0..<mark.utf8CodeUnitCount where server[index] != mark.utf8Start[index] { return false }
        return true
    }

    /// Like ``isSender(_:)``, for a copied name.
    package static func isSender(_ server: some Collection<UInt8>) -> Bool {
        server.count > mark.utf8CodeUnitCount
            && server.starts(with: UnsafeBufferPointer(start: mark.utf8Start, count: mark.utf8CodeUnitCount))
    }
}
