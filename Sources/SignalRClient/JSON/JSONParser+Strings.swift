/// Strings.
extension JSONParser {
    /// From the opening quotation mark to behind the closing one.
    package mutating func string() throws(JSONParseError) -> String {
        position += 1
        let start = position
        while position < bytes.count {
            switch bytes[position] {
            case UInt8(ascii: "\""):
                defer { position += 1 }
                return String(decoding: bytes[start..<position], as: UTF8.self)
            case UInt8(ascii: "\\"): return try escapedString(from: start)
            case 0..<0x20: throw fault
            default: position += 1
            }
        }
        throw fault
    }

    /// The slower way, for a string with an escape at the current position.
    private mutating func escapedString(from start: Int) throws(JSONParseError) -> String {
        var utf8 = Array(bytes[start..<position])
        while position < bytes.count {
            let byte = bytes[position]
            switch byte {
            case UInt8(ascii: "\""):
                position += 1
                return String(decoding: utf8, as: UTF8.self)
            case UInt8(ascii: "\\"):
                position += 1
                utf8 += String(Character(try escape())).utf8
            case 0..<0x20: throw fault
            default:
                utf8.append(byte)
                position += 1
            }
        }
        throw fault
    }

    private mutating func escape() throws(JSONParseError) -> Unicode.Scalar {
        guard position < bytes.count else { throw fault }
        defer { position += 1 }
        switch bytes[position] {
        case UInt8(ascii: "\""): return "\""
        case UInt8(ascii: "\\"): return "\\"
        case UInt8(ascii: "/"): return "/"
        case UInt8(ascii: "b"): return "\u{08}"
        case UInt8(ascii: "f"): return "\u{0C}"
        case UInt8(ascii: "n"): return "\n"
        case UInt8(ascii: "r"): return "\r"
        case UInt8(ascii: "t"): return "\t"
        case UInt8(ascii: "u"): return try unicodeEscape()
        default: throw fault
        }
    }

    /// At the `u`; leaves the position at the last digit.
    private mutating func unicodeEscape() throws(JSONParseError) -> Unicode.Scalar {
        guard let first = codeUnit(at: position + 1) else { throw fault }
        position += 4
        if UTF16.isLeadSurrogate(first), position + 2 < bytes.count, bytes[position + 1] == UInt8(ascii: "\\"),
            bytes[position + 2] == UInt8(ascii: "u"), let second = codeUnit(at: position + 3),
            UTF16.isTrailSurrogate(second)
        {
            position += 6
            return UTF16.decode(UTF16.EncodedScalar([first, second]))
        }
        return Unicode.Scalar(first) ?? "\u{FFFD}"
    }

    private func codeUnit(at start: Int) -> UInt16? {
        guard start + 4 <= bytes.count else { return nil }
        var unit: UInt16 = 0
        for byte in bytes[start..<start + 4] {
            guard let digit = Character(Unicode.Scalar(byte)).hexDigitValue else { return nil }
            unit = unit << 4 | UInt16(digit)
        }
        return unit
    }
}
