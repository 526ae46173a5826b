import JSON

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
