/// What a command asks of the node that owns the connection. The raw value is the number on the wire.
///
/// Source: `Messaging/CommandType.cs` of SignalR 2.
package enum CommandType: UInt8, CaseIterable, Sendable {
    /// Proves to a connecting client that messages reach it through the bus.
    case initializing = 0
    case addToGroup = 1
    case removeFromGroup = 2
    case abort = 3

    /// Stable snake_case name, for the `command` label of metrics.
    package var label: String {
        switch self {
        case .initializing: "initializing"
        case .addToGroup: "add_to_group"
        case .removeFromGroup: "remove_from_group"
        case .abort: "abort"
        }
    }

    /// The name in .NET's enumeration, which some serializer settings write instead of the number.
    package var wireName: String {
        switch self {
        case .initializing: "Initializing"
        case .addToGroup: "AddToGroup"
        case .removeFromGroup: "RemoveFromGroup"
        case .abort: "Abort"
        }
    }
}

extension CommandType {
    private static let member: StaticString = #""CommandType":"#

    /// The type in a command's value, found without decoding the rest if it is written as by real nodes.
    ///
    /// - Returns: nil if the value is not a command.
    package init?(in value: UnsafeRawBufferPointer) {
        if let type = Self.found(in: value) {
            self = type
        } else if let type = try? Command(decoding: value).type {
            self = type
        } else {
            return nil
        }
    }

    /// With its quotation marks the member cannot occur inside a string, where they would be escaped.
    private static func found(in value: UnsafeRawBufferPointer) -> CommandType? {
        let length = member.utf8CodeUnitCount
        guard value.count > length else { return nil }
        for start in 0..<(value.count - length - 1) where value[start] == member.utf8Start[0] {
            guard (1..<length).allSatisfy({ value[start + $0] == member.utf8Start[$0] }) else { continue }
            let digit = value[start + length]
            let next = value[start + length + 1]
            guard digit >= UInt8(ascii: "0"), next == UInt8(ascii: ",") || next == UInt8(ascii: "}") else { return nil }
            return CommandType(rawValue: digit - UInt8(ascii: "0"))
        }
        return nil
    }
}
