/// Why bytes of the ASP.NET Core backplane do not decode, and at which offset.
///
/// A trivial value: throwing it allocates nothing.
package struct CoreError: Error, Equatable, Sendable {
    /// What is wrong.
    package let reason: Reason
    /// Offset from the start of the payload to the value or length that could not be decoded. Never beyond its end.
    package let offset: Int

    /// - Parameter offset: from the start of the payload.
    package init(_ reason: Reason, at offset: Int) {
        self.reason = reason
        self.offset = offset
    }

    /// Kinds of damage; few and stable, suitable as a metric label.
    package enum Reason: UInt8, CaseIterable, Sendable {
        /// The bytes end where a value is expected, or inside one of fixed size.
        case truncated
        /// The length of a text, byte string or frame exceeds the remaining bytes.
        case lengthBeyondPayload
        /// An array or map has more elements than the remaining bytes can hold.
        case hugeCount
        /// The byte c1, which MessagePack never uses.
        case reservedByte
        /// A value has an unexpected type.
        case wrongType
        /// An integer is out of range.
        case outOfRange
        /// An array has fewer items than a node writes.
        case tooFewItems
        /// Nested deeper than 64 levels, when converted to a tree or to text.
        case tooDeep
        /// A timestamp that is not 4, 8 or 12 bytes long, or has more than 999,999,999 nanoseconds.
        case badTimestamp
        /// The length before a MessagePack message is not a 7-bit encoded int32.
        case badFrameLength
        /// A JSON message is not one JSON object.
        case notJSON
        /// A JSON message does not end with the byte 1e.
        case unterminated
        /// A message lacks its type, its target, its arguments or its id.
        case missingField
        /// It arrived on a Redis channel that does not belong to the hub.
        case foreignChannel

        /// Stable snake_case name, for the `reason` label of metrics.
        package var label: String {
            switch self {
            case .truncated: "truncated"
            case .lengthBeyondPayload: "length_beyond_payload"
            case .hugeCount: "huge_count"
            case .reservedByte: "reserved_byte"
            case .wrongType: "wrong_type"
            case .outOfRange: "out_of_range"
            case .tooFewItems: "too_few_items"
            case .tooDeep: "too_deep"
            case .badTimestamp: "bad_timestamp"
            case .badFrameLength: "bad_frame_length"
            case .notJSON: "not_json"
            case .unterminated: "unterminated"
            case .missingField: "missing_field"
            case .foreignChannel: "foreign_channel"
            }
        }

        /// What is wrong, for people.
        package var sentence: String {
            switch self {
            case .truncated: "it ends inside a value"
            case .lengthBeyondPayload: "a length is larger than the remaining bytes"
            case .hugeCount: "it announces more elements than it can hold"
            case .reservedByte: "it holds the byte c1, which MessagePack does not use"
            case .wrongType: "a value has a different type than expected"
            case .outOfRange: "a number is out of range"
            case .tooFewItems: "an array has fewer items than a node writes"
            case .tooDeep: "it is nested deeper than \(MessagePackReader.maximumDepth) levels"
            case .badTimestamp: "a timestamp is malformed"
            case .badFrameLength: "the length of a message is not a 7-bit encoded int32"
            case .notJSON: "a message is not a JSON object"
            case .unterminated: "a JSON message does not end with the byte 1e"
            case .missingField: "a message lacks its type, target, arguments or id"
            case .foreignChannel: "its Redis channel does not belong to the hub"
            }
        }
    }
}

extension CoreError: CustomStringConvertible {
    package var description: String {
        "not an ASP.NET Core SignalR envelope: \(reason.sentence), at byte \(offset)"
    }
}
