/// The backplane ping: a group command that changes nothing, and that the node which holds the connection acknowledges.
///
/// It removes a connection from a group that no application uses. The ack comes on a channel of the sender's own, so it
/// proves that this node hears Redis, handles what it hears, and can publish. A node that does not hold the connection
/// ignores the command.
package struct CorePing: Sendable {
    /// No machine has such a name, and no pattern of Redis gives one of its characters a meaning.
    private static let mark: StaticString = "backplane-relay~ping_"
    /// The group that nobody uses.
    package static let group = "backplane-relay~ping"

    /// What the sender calls itself, in the place of a node's name.
    package let server: String

    /// A new sender.
    package init() {
        let digits = "0123456789abcdef"
        server = "\(Self.mark)" + String((0..<32).compactMap { _ in digits.randomElement() })
    }

    /// The payload for the hub's `:internal:groups`.
    ///
    /// - Parameter id: comes back in the ack.
    package func command(id: Int32, connection: String) -> [UInt8] {
        CoreGroupCommand(id: id, server: server, action: .remove, group: Self.group, connection: connection).encoded()
    }

    /// Whether a server of a group command, or of an ack channel, is a ping's sender: no node.
    package static func isSender(_ server: UnsafeRawBufferPointer) -> Bool {
        guard server.count > mark.utf8CodeUnitCount else { return false }
        for index in 0..<mark.utf8CodeUnitCount where server[index] != mark.utf8Start[index] { return false }
        return true
    }

    /// The same for a name that was copied.
    package static func isSender(_ server: some Collection<UInt8>) -> Bool {
        server.count > mark.utf8CodeUnitCount
            && server.starts(with: UnsafeBufferPointer(start: mark.utf8Start, count: mark.utf8CodeUnitCount))
    }
}
