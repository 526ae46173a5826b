/// Why a frame cannot be said in the other protocol, and where in the payload that showed.
package struct CoreConversionError: Error, Equatable, Sendable {
    package let reason: Reason
    package let offset: Int

    package init(_ reason: Reason, at offset: Int) {
        self.reason = reason
        self.offset = offset
    }

    package init(_ error: CoreError) { self.init(.malformed, at: error.offset) }

    /// Few and stable enough to be a label.
    package enum Reason: UInt8, CaseIterable, Sendable {
        /// The frame does not decode.
        case malformed
        /// Names of members differ between the protocols: `name` in JSON is `Name` in MessagePack.
        case object
        /// Bytes are Base64 in JSON.
        case bytes
        /// A time is a text in JSON and a timestamp in MessagePack.
        case date
        /// A number that the other protocol cannot say, or not as exactly.
        case number
        /// An extension value that only the application knows.
        case ext
        /// Compressed by LZ4.
        case compressed
        /// Nested deeper than 64 levels.
        case tooDeep
        /// A message that no server sends through the backplane.
        case messageType

        /// Stable snake_case name.
        package var label: String {
            switch self {
            case .malformed: "malformed"
            case .object: "object"
            case .bytes: "bytes"
            case .date: "date"
            case .number: "number"
            case .ext: "ext"
            case .compressed: "compressed"
            case .tooDeep: "too_deep"
            case .messageType: "message_type"
            }
        }
    }
}
