/// Why a text is not JSON (RFC 8259).
public struct JSONParseError: Error, Equatable, Sendable, CustomStringConvertible {
    /// Bytes before the fault.
    public let offset: Int

    public var description: String { "not JSON at byte \(offset)" }
}
