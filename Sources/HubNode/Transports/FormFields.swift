import Backplane

/// The fields of a query string or of a form, `name=value&...`, decoded. Names compare without case, as in ASP.NET; the
/// values of a name that comes twice are joined by a comma, as there.
struct FormFields: Sendable, Equatable {
    private var values: [CaselessName: String] = [:]

    init() {}

    init(_ encoded: some StringProtocol) {
        // By bytes: to a character, a combining mark behind a sign would belong to it.
        for field in encoded.utf8.split(separator: UInt8(ascii: "&")) {
            let parts = field.split(separator: UInt8(ascii: "="), maxSplits: 1, omittingEmptySubsequences: false)
            let name = CaselessName(Self.decoded(parts[0]))
            let value = parts.count > 1 ? Self.decoded(parts[1]) : ""
            // In place: there may be a million of one name.
            if values[name]?.append("," + value) == nil { values[name] = value }
        }
    }

    /// A field's value; nil if it is missing or empty.
    subscript(name: String) -> String? {
        guard let value = values[CaselessName(name)], !value.isEmpty else { return nil }
        return value
    }

    /// Divides a request's target into path and query.
    static func split(uri: String) -> (path: String, query: FormFields) {
        guard let mark = uri.utf8.firstIndex(of: UInt8(ascii: "?")) else { return (uri, FormFields()) }
        return (String(uri[..<mark]), FormFields(uri[uri.utf8.index(after: mark)...]))
    }

    /// A path as ASP.NET shows it to a real node.
    static func decodedPath(_ path: String) -> String {
        guard path.utf8.contains(UInt8(ascii: "%")) else { return path }
        // A plus sign is one in a path.
        return decoded(path.utf8.flatMap { $0 == UInt8(ascii: "+") ? Array("%2B".utf8) : [$0] })
    }

    /// Percent signs and plus signs decoded; what is malformed stays as it is, bytes that are not UTF-8 become U+FFFD.
    private static func decoded(_ text: some Sequence<UInt8>) -> String {
        let bytes = Array(text)
        var decoded: [UInt8] = []
        decoded.reserveCapacity(bytes.count)
        var index = 0
        while index < bytes.count {
            if bytes[index] == UInt8(ascii: "%"), index + 2 < bytes.count,
                let high = hexDigit(bytes[index + 1]), let low = hexDigit(bytes[index + 2])
            {
                decoded.append(high << 4 | low)
                index += 3
            } else {
                decoded.append(bytes[index] == UInt8(ascii: "+") ? UInt8(ascii: " ") : bytes[index])
                index += 1
            }
        }
        return String(decoding: decoded, as: UTF8.self)
    }

    private static func hexDigit(_ byte: UInt8) -> UInt8? {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
        case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - UInt8(ascii: "A") + 10
        default: nil
        }
    }
}
