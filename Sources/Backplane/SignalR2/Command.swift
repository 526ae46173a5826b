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
