/// Why a frame cannot be converted to the other protocol, and the offset in the payload.
package struct CoreConversionError: Error, Equatable, Sendable {
    package let reason: Reason
    package let offset: Int

    package init(_ reason: Reason, at offset: Int) {
        self.reason = reason
        self.offset = offset
    }

    package init(_ error: CoreError) { self.init(.malformed, at: error.offset) }

    /// Few and stable values, suitable as a label.
    package enum Reason: UInt8, CaseIterable, Sendable {
        /// The frame does not decode.
        case malformed
        /// Member names differ between the protocols: `name` in JSON is `Name` in MessagePack.
        case object
        /// Bytes are Base64 in JSON.
        case bytes
        /// A time is a text in JSON and a timestamp in MessagePack.
        case date
        /// A number that the other protocol cannot represent exactly.
        case number
        /// An extension value specific to the application.
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
