package import NIOCore

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

/// Encodes commands as RESP arrays of bulk strings.
package enum RESPEncoder {
    /// Appends one command, binary safe.
    package static func encode(_ arguments: [RESPArgument], into buffer: inout ByteBuffer) {
        buffer.writeStaticString("*")
        writeDecimal(arguments.count, into: &buffer)
        buffer.writeStaticString("\r\n")
        for argument in arguments {
            switch argument {
            case .text(let text): encodeBulk(text.utf8, into: &buffer)
            case .bytes(let bytes): encodeBulk(bytes, into: &buffer)
            }
        }
    }

    /// Appends one bulk string, for callers that build a command in parts.
    @inlinable
    package static func encodeBulk<Bytes: Collection>(
        _ bytes: Bytes, into buffer: inout ByteBuffer
    ) where Bytes.Element == UInt8 {
        buffer.writeStaticString("$")
        writeDecimal(bytes.count, into: &buffer)
        buffer.writeStaticString("\r\n")
        buffer.writeBytes(bytes)
        buffer.writeStaticString("\r\n")
    }

    @inlinable
    static func writeDecimal(_ number: Int, into buffer: inout ByteBuffer) {
        precondition(number >= 0)
        if number < 10 {
            buffer.writeInteger(UInt8(ascii: "0") + UInt8(number))
            return
        }
        withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 20) { digits in
            var rest = number
            var start = 20
            repeat {
                start -= 1
                digits[start] = UInt8(ascii: "0") + UInt8(rest % 10)
                rest /= 10
            } while rest > 0
            buffer.writeBytes(UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(digits)[start...]))
        }
    }
}

/// One argument of a command.
package enum RESPArgument: Sendable, Equatable, ExpressibleByStringLiteral, ExpressibleByStringInterpolation {
    case text(String)
    case bytes([UInt8])

    /// For literals and interpolations.
    package init(stringLiteral value: String) {
        self = .text(value)
    }
}
