import Backplane
import HTTPGuard

/// The decoded fields of a query string or form, `name=value&...`. Names are case-insensitive, and values of duplicate
/// names are joined by a comma, as in ASP.NET.
struct FormFields: Sendable, Equatable {
    private var values: [CaselessName: String] = [:]

    init() {}

    init(_ encoded: some StringProtocol) {
        // By bytes: a combining mark after a separator would belong to its character.
        for field in encoded.utf8.split(separator: UInt8(ascii: "&")) {
            let parts = field.split(separator: UInt8(ascii: "="), maxSplits: 1, omittingEmptySubsequences: false)
            let name = CaselessName(FormText.decoded(parts[0]))
            let value = parts.count > 1 ? FormText.decoded(parts[1]) : ""
            // In place: a single name may occur a million times.
            if values[name]?.append("," + value) == nil { values[name] = value }
        }
    }

    /// A field's value; nil if it is missing or empty.
    subscript(name: String) -> String? {
        guard let value = values[CaselessName(name)], !value.isEmpty else { return nil }
        return value
    }

    /// Splits a request's target into path and query.
    static func split(uri: String) -> (path: String, query: FormFields) {
        guard let mark = uri.utf8.firstIndex(of: UInt8(ascii: "?")) else { return (uri, FormFields()) }
        return (String(uri[..<mark]), FormFields(uri[uri.utf8.index(after: mark)...]))
    }

    /// A path as seen by a real node under ASP.NET.
    static func decodedPath(_ path: String) -> String {
        guard path.utf8.contains(UInt8(ascii: "%")) else { return path }
        // A plus sign is literal in a path.
        return FormText.decoded(path.utf8.flatMap { $0 == UInt8(ascii: "+") ? Array("%2B".utf8) : [$0] })
    }
}
