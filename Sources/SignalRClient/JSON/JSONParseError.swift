/// Why a text is not JSON (RFC 8259).
package struct JSONParseError: Error, Equatable, Sendable, CustomStringConvertible {
    /// Bytes before the fault.
    package let offset: Int

    package var description: String { "not JSON at byte \(offset)" }
}
