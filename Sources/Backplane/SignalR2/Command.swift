import JSON

/// A request to the node that owns a connection, in the value of a message with a command id:
/// `{"WaitForAck":bool,"Id":guid,"CommandType":0..3,"Value":string|null}`.
///
/// Source: `Messaging/Command.cs` of SignalR 2.
package struct Command: Equatable, Sendable {
    /// Whether the owner must publish an ack with the same id.
    package var waitForAck: Bool
    /// A GUID, equal to the message's `commandID`.
    package var id: String
    /// What the owner of the connection must do.
    package var type: CommandType
    /// The group's signal key for the two group commands, else nil.
    package var value: String?

    /// - Parameter value: the group's signal key for the two group commands, else nil.
    package init(waitForAck: Bool, id: String, type: CommandType, value: String? = nil) {
        self.waitForAck = waitForAck
        self.id = id
        self.type = type
        self.value = value
    }

    /// Decodes a message's value.
    ///
    /// As lenient as nodes: names in any case and order, unknown ones skipped, the type as a number or as a string with
    /// its number or name. `WaitForAck` and `Value` may be missing.
    package init(decoding value: UnsafeRawBufferPointer) throws(CommandError) {
        guard UTF8Validation.firstInvalidOffset(in: value) == nil else { throw .notAnObject }
        var scanner = JSONScanner(value)
        var members = Members()
        let isObject = scanner.object { scanner, name in members.read(name, from: &scanner) }
        if let damage = members.damage { throw damage }
        guard isObject, scanner.peek() == nil else { throw .notAnObject }
        guard let id = members.id else { throw .badID }
        guard let type = members.type else { throw .badType }
        self.init(waitForAck: members.waitForAck, id: id, type: type, value: members.value)
    }

    /// Decodes a message's value.
    package init(decoding value: [UInt8]) throws(CommandError) {
        let result = value.withUnsafeBytes { bytes in
            Result { () throws(CommandError) in try Command(decoding: bytes) }
        }
        self = try result.get()
    }

    /// The value of a command's message, byte for byte as a real node writes it.
    package func encoded() -> [UInt8] {
        var writer = JSONWriter()
        writer.raw(waitForAck ? #"{"WaitForAck":true,"Id":"# : #"{"WaitForAck":false,"Id":"#)
        writer.string(id)
        writer.raw(#","CommandType":\#(type.rawValue),"Value":"#)
        if let value {
            writer.string(value)
        } else {
            writer.raw("null")
        }
        writer.raw("}")
        return writer.bytes
    }
}

/// The members of a command's JSON read so far.
private struct Members {
    var waitForAck = false
    var id: String?
    var type: CommandType?
    var value: String?
    /// The first member of a wrong type.
    var damage: CommandError?

    /// Consumes the value of one member; false if it is damaged.
    mutating func read(_ name: JSONString, from scanner: inout JSONScanner) -> Bool {
        if name.equalsIgnoringCase("WaitForAck") {
            if scanner.consume(literal: "true") {
                waitForAck = true
            } else if scanner.consume(literal: "false") {
                waitForAck = false
            } else {
                damage = .badWaitForAck
            }
        } else if name.equalsIgnoringCase("Id") {
            id = scanner.string()?.decoded
            if id == nil { damage = .badID }
        } else if name.equalsIgnoringCase("CommandType") {
            type = Self.commandType(from: &scanner)
            if type == nil { damage = .badType }
        } else if name.equalsIgnoringCase("Value") {
            value = scanner.string()?.decoded
            if value == nil, !scanner.consume(literal: "null") { damage = .badValue }
        } else {
            return scanner.skipValue()
        }
        return damage == nil
    }

    private static func commandType(from scanner: inout JSONScanner) -> CommandType? {
        guard scanner.peek() == UInt8(ascii: "\"") else {
            return scanner.number().flatMap { type(numbered: String(decoding: $0, as: UTF8.self)) }
        }
        guard let text = scanner.string() else { return nil }
        return CommandType.allCases.first { text.equalsIgnoringCase($0.wireName) } ?? type(numbered: text.decoded)
    }

    private static func type(numbered digits: String) -> CommandType? {
        UInt8(digits).flatMap(CommandType.init)
    }
}

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
