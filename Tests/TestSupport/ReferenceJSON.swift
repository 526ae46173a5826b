/// A second JSON parser: recursive, by characters, without code shared with the scanner.
///
/// Foundation cannot be the reference: it accepts trailing commas, and refuses lone surrogates and huge exponents.
package struct ReferenceJSON {
    private var rest: ArraySlice<UInt8>

    package static func accepts(_ text: [UInt8]) -> Bool {
        var json = ReferenceJSON(rest: text[...])
        return json.value() && json.rest.isEmpty
    }

    /// A value with surrounding white space.
    private mutating func value() -> Bool {
        space()
        defer { space() }
        switch rest.first.map({ Character(Unicode.Scalar($0)) }) {
        case "{": return list(until: "}") { $0.pair() }
        case "[": return list(until: "]") { $0.value() }
        case "\"": return string()
        case "t": return take("true")
        case "f": return take("false")
        case "n": return take("null")
        default: return number()
        }
    }

    private mutating func list(until end: String, _ element: (inout ReferenceJSON) -> Bool) -> Bool {
        rest.removeFirst()
        space()
        if take(end) { return true }
        while element(&self) {
            if take(end) { return true }
            guard take(",") else { return false }
        }
        return false
    }

    private mutating func pair() -> Bool {
        space()
        guard string() else { return false }
        space()
        return take(":") && value()
    }

    private mutating func string() -> Bool {
        guard take("\"") else { return false }
        while let byte = rest.popFirst() {
            switch byte {
            case UInt8(ascii: "\""): return true
            case 0..<0x20: return false
            case UInt8(ascii: "\\"):
                if take("u") {
                    guard many(4, of: "0123456789abcdefABCDEF") == 4 else { return false }
                } else {
                    guard many(1, of: "\"\\/bfnrt") == 1 else { return false }
                }
            default: break
            }
        }
        return false
    }

    private mutating func number() -> Bool {
        _ = take("-")
        guard take("0") || many(of: "0123456789") > 0 else { return false }
        if take("."), many(of: "0123456789") == 0 { return false }
        if many(1, of: "eE") == 1 {
            _ = many(1, of: "+-")
            return many(of: "0123456789") > 0
        }
        return true
    }

    private mutating func space() {
        _ = many(of: " \t\n\r")
    }

    private mutating func take(_ text: String) -> Bool {
        guard rest.starts(with: text.utf8) else { return false }
        rest = rest.dropFirst(text.utf8.count)
        return true
    }

    private mutating func many(_ limit: Int = .max, of alphabet: String) -> Int {
        let taken = rest.prefix { alphabet.utf8.contains($0) }.prefix(limit)
        rest = rest.dropFirst(taken.count)
        return taken.count
    }
}
