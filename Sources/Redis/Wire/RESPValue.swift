/// One reply of the Redis protocol (RESP2), owned.
package enum RESPValue: Sendable, Equatable {
    /// `+OK`
    case status(String)
    /// `-ERR ...`
    case error(String)
    case integer(Int64)
    case bulk([UInt8])
    case null
    case array([RESPValue])

    /// The text of a status or bulk reply; nil for others.
    package var text: String? {
        switch self {
        case .status(let text): text
        case .bulk(let bytes): String(decoding: bytes, as: UTF8.self)
        default: nil
        }
    }

    /// The number of an integer reply; nil for any other.
    package var integer: Int64? {
        if case .integer(let value) = self { value } else { nil }
    }

    /// The elements of an array reply; nil for any other.
    package var array: [RESPValue]? {
        if case .array(let values) = self { values } else { nil }
    }

    /// A short description for errors: never the content of a bulk reply, which may be a user's text.
    var summary: String {
        switch self {
        case .status(let text): "status '\(text)'"
        case .error(let text): "error '\(text)'"
        case .integer(let value): "integer \(value)"
        case .bulk(let bytes): "a string of \(bytes.count) B"
        case .null: "nil"
        case .array(let values): "an array of \(values.count)"
        }
    }
}
