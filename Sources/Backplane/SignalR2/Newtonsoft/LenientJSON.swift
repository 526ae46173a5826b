import JSON

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// A JSON value as accepted by the reader of real nodes (Newtonsoft.Json), also from text that is not strictly JSON.
package indirect enum LenientJSON: Sendable {
    /// In order; of duplicate names the last counts.
    case object([(name: String, value: LenientJSON)])
    case array([LenientJSON])
    case string(String)
    /// As written: decimal, `0x..` or, after a leading 0, octal.
    case number(String)
    /// `NaN`, `Infinity`, `-Infinity`.
    case notFinite(String)
    case bool(Bool)
    case null
    /// Also an omitted element between two commas.
    case undefined

    /// Reads the first value and ignores what follows it.
    ///
    /// Beyond JSON it accepts comments, single quotes, unquoted names, a trailing comma, `NaN` and infinities,
    /// `undefined`, hexadecimal and octal numbers, and control characters in strings.
    ///
    /// - Returns: nil if the real reader throws; also for values nested deeper than SignalR's limit of 20.
    package init?(_ text: [UInt8]) {
        let value = text.withUnsafeBytes { bytes in
            var reader = LenientJSONReader(bytes)
            return reader.value()
        }
        guard let value else { return nil }
        self = value
    }

    /// The member that maps to a property of this name: an exact match, or else one that differs in case.
    package subscript(name: String) -> LenientJSON? {
        guard case .object(let members) = self else { return nil }
        let caseless = CaselessName(name)
        return members.last { caseless.equals($0.name) }?.value
    }

    /// The value of a property of type `string`: numbers as written, and booleans, are accepted too.
    ///
    /// - Returns: nil if the real reader throws; `.some(nil)` for null.
    package var asString: String?? {
        switch self {
        case .string(let text), .notFinite(let text): text
        case .number(let text): DotNetNumber(text).map { _ in Optional(text) }
        case .bool(let value): value ? "true" : "false"
        case .null: .some(nil)
        case .undefined, .object, .array: nil
        }
    }

    /// The value in JSON after a round trip through the reader and writer of real nodes: numbers by value, non-finite
    /// numbers as strings, times in one format.
    ///
    /// - Returns: nil if a number is invalid.
    package func rewritten() -> [UInt8]? {
        var writer = JSONWriter()
        return write(to: &writer) ? writer.bytes : nil
    }

    private func write(to writer: inout JSONWriter) -> Bool {
        switch self {
        case .object(let members):
            writer.raw("{")
            for member in members {
                writer.member(member.name)
                guard member.value.write(to: &writer) else { return false }
            }
            writer.raw("}")
        case .array(let elements):
            writer.raw("[")
            for element in elements {
                writer.element()
                guard element.write(to: &writer) else { return false }
            }
            writer.raw("]")
        case .string(let text): writer.string(DotNetDate.rewritten(text) ?? text)
        case .notFinite(let text): writer.string(text)
        case .number(let text):
            guard let number = DotNetNumber(text) else { return false }
            writer.raw(number.text)
        case .bool(let value): writer.raw(value ? "true" : "false")
        case .null, .undefined: writer.raw("null")
        }
        return true
    }
}

/// A number as parsed from JSON by .NET: a whole number of any size, or a double.
package enum DotNetNumber: Equatable, Sendable {
    /// Decimal digits, with `-` before them if it is negative.
    case integer(String)
    case double(Double)

    /// - Parameter text: decimal, `0x..`, or octal after a leading 0.
    /// - Returns: nil if .NET Framework throws, including for a double out of range.
    package init?(_ text: String) {
        let bytes = Array(text.utf8)
        guard let first = bytes.first else { return nil }
        let exponents = [UInt8(ascii: "."), UInt8(ascii: "e"), UInt8(ascii: "E")]
        if first == UInt8(ascii: "0"), bytes.count > 1, !exponents.contains(bytes[1]) {
            let isHexadecimal = bytes[1] | 0x20 == UInt8(ascii: "x")
            // 64 bits, whose highest is the sign.
            guard
                let bits = isHexadecimal
                    ? UInt64(text.dropFirst(2), radix: 16) : UInt64(text.dropFirst(), radix: 8)
            else { return nil }
            self = .integer("\(Int64(bitPattern: bits))")
            return
        }
        let digits = first == UInt8(ascii: "-") ? bytes[1...] : bytes[...]
        if !digits.isEmpty, digits.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }) {
            let significant = digits.drop { $0 == UInt8(ascii: "0") }
            let isNegative = first == UInt8(ascii: "-") && !significant.isEmpty
            self = .integer(
                (isNegative ? "-" : "") + (significant.isEmpty ? "0" : String(decoding: significant, as: UTF8.self)))
            return
        }
        guard Self.isDecimal(digits), let value = Self.double(text), value.isFinite else { return nil }
        self = .double(value)
    }

    /// As .NET Framework's JSON writer writes it.
    package var text: String {
        switch self {
        case .integer(let digits): digits
        case .double(let value): Self.text(value)
        }
    }

    /// `double.ToString("R")`: 15 significant digits if they round-trip, else 17; a whole number ends in `.0`.
    package static func text(_ value: Double) -> String {
        if value.isNaN { return #""NaN""# }
        if value.isInfinite { return value < 0 ? #""-Infinity""# : #""Infinity""# }
        if value == 0 { return "0.0" }
        var text = formatted(value, digits: 15)
        if double(text) != value { text = formatted(value, digits: 17) }
        return text.utf8.contains { $0 == UInt8(ascii: ".") || $0 == UInt8(ascii: "E") } ? text : text + ".0"
    }

    private static func formatted(_ value: Double, digits: Int32) -> String {
        withUnsafeTemporaryAllocation(of: CChar.self, capacity: 64) { buffer in
            guard let start = buffer.baseAddress else { return "" }
            let length = withVaList([digits, value]) { vsnprintf(start, buffer.count, "%.*G", $0) }
            return String(decoding: UnsafeRawBufferPointer(start: start, count: Int(length)), as: UTF8.self)
        }
    }

    private static func double(_ text: String) -> Double? {
        // Swift does not accept a point at either end.
        var text = text
        if text.hasSuffix(".") { text += "0" }
        text = text.replacing(".e", with: ".0e").replacing(".E", with: ".0E")
        if text.hasPrefix(".") { text = "0" + text }
        if text.hasPrefix("-.") { text = "-0" + text.dropFirst() }
        return Double(text)
    }

    /// Digits with at most one point, then an optional exponent: no `inf`, no hexadecimal fraction.
    private static func isDecimal(_ text: ArraySlice<UInt8>) -> Bool {
        let digit = UInt8(ascii: "0")...UInt8(ascii: "9")
        let whole = text.prefix { digit.contains($0) }
        var rest = text.dropFirst(whole.count)
        var count = whole.count
        if rest.first == UInt8(ascii: ".") {
            let fraction = rest.dropFirst().prefix { digit.contains($0) }
            count += fraction.count
            rest = rest.dropFirst(1 + fraction.count)
        }
        guard count > 0 else { return false }
        guard let mark = rest.first else { return true }
        guard mark | 0x20 == UInt8(ascii: "e") else { return false }
        rest = rest.dropFirst()
        if rest.first == UInt8(ascii: "+") || rest.first == UInt8(ascii: "-") { rest = rest.dropFirst() }
        return !rest.isEmpty && rest.allSatisfy { digit.contains($0) }
    }
}

/// Parses whole numbers by .NET's `NumberStyles.Integer` in the invariant culture: surrounding white space, a sign,
/// digits.
package enum DotNetInteger {
    /// As `int.Parse` reads it; nil where that throws.
    package static func int32(_ text: String) -> Int32? {
        int64(text).flatMap { Int32(exactly: $0) }
    }

    /// As `long.Parse` reads it; nil where that throws.
    package static func int64(_ text: String) -> Int64? {
        let bytes = Array(text.utf8)
        guard let start = bytes.firstIndex(where: { !isWhite($0) }) else { return nil }
        var rest = bytes[start...]
        while let last = rest.last, last == 0 { rest.removeLast() }
        while let last = rest.last, isWhite(last) { rest.removeLast() }
        let digits = rest.first == UInt8(ascii: "+") || rest.first == UInt8(ascii: "-") ? rest.dropFirst() : rest
        guard !digits.isEmpty, digits.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }) else {
            return nil
        }
        return Int64(String(decoding: rest, as: UTF8.self))
    }

    private static func isWhite(_ byte: UInt8) -> Bool {
        byte == 0x20 || (0x09...0x0D).contains(byte)
    }
}
