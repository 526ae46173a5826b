import JSON

/// A JSON value as the reader of real nodes (Newtonsoft.Json) takes it from text that is not quite JSON.
package indirect enum LenientJSON: Sendable {
    /// In order; of a name that comes twice the last one counts.
    case object([(name: String, value: LenientJSON)])
    case array([LenientJSON])
    case string(String)
    /// As it stands in the text: decimal, `0x..` or, after a leading 0, octal.
    case number(String)
    /// `NaN`, `Infinity`, `-Infinity`.
    case notFinite(String)
    case bool(Bool)
    case null
    /// Also what is left out between two commas.
    case undefined

    /// Reads the first value and ignores what follows it.
    ///
    /// Beyond JSON: comments, single quotes, names without quotes, a comma behind the last element, `NaN` and infinities,
    /// `undefined`, hexadecimal and octal numbers, and control characters in strings.
    ///
    /// - Returns: nil where the real reader throws; also for values nested deeper than SignalR's limit of 20.
    package init?(_ text: [UInt8]) {
        let value = text.withUnsafeBytes { bytes in
            var reader = LenientJSONReader(bytes)
            return reader.value()
        }
        guard let value else { return nil }
        self = value
    }

    /// The member that a property of this name is read from: one of exactly this name, or else one that differs in case.
    package subscript(name: String) -> LenientJSON? {
        guard case .object(let members) = self else { return nil }
        let caseless = CaselessName(name)
        return members.last { caseless.equals($0.name) }?.value
    }

    /// What a property of type `string` becomes: also numbers, as they are written, and truth values.
    ///
    /// - Returns: nil where the real reader throws; `.some(nil)` for null.
    package var asString: String?? {
        switch self {
        case .string(let text), .notFinite(let text): text
        case .number(let text): DotNetNumber(text).map { _ in Optional(text) }
        case .bool(let value): value ? "true" : "false"
        case .null: .some(nil)
        case .undefined, .object, .array: nil
        }
    }

    /// The same value in JSON, as the writer of real nodes writes what their reader made of it: numbers by their value, what is
    /// not finite as a string, times in one form.
    ///
    /// - Returns: nil if a number is none.
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
