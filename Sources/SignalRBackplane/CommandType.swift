/// What a command asks of the node that owns the connection. The raw value is the number on the wire.
public enum CommandType: UInt8, CaseIterable, Sendable {
    /// Proves to a client that connects that its messages make their way through the bus.
    case initializing = 0
    case addToGroup = 1
    case removeFromGroup = 2
    case abort = 3

    /// Stable snake_case name, for the `command` label of metrics.
    public var label: String {
        switch self {
        case .initializing: "initializing"
        case .addToGroup: "add_to_group"
        case .removeFromGroup: "remove_from_group"
        case .abort: "abort"
        }
    }

    /// The name in .NET's enumeration, which some serializer settings write in place of the number.
    var wireName: String {
        switch self {
        case .initializing: "Initializing"
        case .addToGroup: "AddToGroup"
        case .removeFromGroup: "RemoveFromGroup"
        case .abort: "Abort"
        }
    }
}
