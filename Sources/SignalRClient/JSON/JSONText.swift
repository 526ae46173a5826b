extension JSONValue: CustomStringConvertible {
    /// JSON text, on one line.
    package var description: String {
        var utf8: [UInt8] = []
        append(to: &utf8)
        return String(decoding: utf8, as: UTF8.self)
    }

    /// Appends JSON text in UTF-8. Infinities and NaN, which JSON cannot say, become `null`.
    package func append(to utf8: inout [UInt8]) {
        switch self {
        case .null: utf8 += "null".utf8
        case .bool(let value): utf8 += (value ? "true" : "false").utf8
        case .integer(let value): utf8 += "\(value)".utf8
        case .double(let value): utf8 += (value.isFinite ? "\(value)" : "null").utf8
        case .string(let text): Self.append(text, to: &utf8)
        case .array(let elements):
            utf8.append(UInt8(ascii: "["))
            for (index, element) in elements.enumerated() {
                if index > 0 { utf8.append(UInt8(ascii: ",")) }
                element.append(to: &utf8)
            }
            utf8.append(UInt8(ascii: "]"))
        case .object(let members):
            utf8.append(UInt8(ascii: "{"))
            for (index, member) in members.enumerated() {
                if index > 0 { utf8.append(UInt8(ascii: ",")) }
                Self.append(member.name, to: &utf8)
                utf8.append(UInt8(ascii: ":"))
                member.value.append(to: &utf8)
            }
            utf8.append(UInt8(ascii: "}"))
        }
    }

    private static func append(_ text: String, to utf8: inout [UInt8]) {
        utf8.append(UInt8(ascii: "\""))
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "\""), UInt8(ascii: "\\"):
                utf8.append(UInt8(ascii: "\\"))
                utf8.append(byte)
            case 0..<0x20:
                let digits = String(byte, radix: 16)
                utf8 += (#"\u"# + String(repeating: "0", count: 4 - digits.count) + digits).utf8
            default: utf8.append(byte)
            }
        }
        utf8.append(UInt8(ascii: "\""))
    }
}
