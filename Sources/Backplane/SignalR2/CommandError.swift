/// Why a message's value is not a command.
package enum CommandError: Error, Equatable, Sendable {
    /// Not a JSON object in UTF-8.
    case notAnObject
    case badWaitForAck
    /// No id, or not a string.
    case badID
    /// The type is missing, or not one of the four, neither by number nor by name.
    case badType
    case badValue
}

extension CommandError: CustomStringConvertible {
    package var description: String {
        switch self {
        case .notAnObject: "not a SignalR command: the value is not a JSON object"
        case .badWaitForAck: "not a SignalR command: WaitForAck is neither true nor false"
        case .badID: "not a SignalR command: Id is missing or not a string"
        case .badType: "not a SignalR command: CommandType is missing or not one of 0 to 3 or their names"
        case .badValue: "not a SignalR command: Value is neither a string nor null"
        }
    }
}
