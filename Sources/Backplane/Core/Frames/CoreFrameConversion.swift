import JSON

/// Converts a frame to the other protocol: messages to clients, with null, booleans, numbers, texts and arrays of
/// these.
///
/// JSON does not distinguish a text from bytes, an enum name or a time. Apparent times are refused; Base64 and enum
/// names cannot be recognized and become texts.
package enum CoreFrameConversion {
    /// - Parameters:
    ///   - frame: a whole frame, or the rest of a payload; error offsets count from its start.
    ///   - allowUntyped: convert objects, bytes, times and inexact numbers to the most likely form: member names stay,
    ///     bytes become Base64, times become texts.
    /// - Returns: a frame of the other protocol.
    package static func converted(
        _ frame: UnsafeRawBufferPointer, from format: CoreFormat, allowUntyped: Bool = false
    ) throws(CoreConversionError) -> [UInt8] {
        var walk = CoreHubMessageWalk(frame, format)
        var converted: [UInt8] = []
        while let message = try next(&walk) {
            switch format {
            case .json: converted += try messagePack(message, allowUntyped)
            case .messagePack: converted += try json(message, allowUntyped)
            }
        }
        return converted
    }

    private static func next(_ walk: inout CoreHubMessageWalk) throws(CoreConversionError) -> CoreHubMessage? {
        do throws(CoreError) { return try walk.next() } catch { throw CoreConversionError(error) }
    }

    // MARK: - To MessagePack

    private static func messagePack(
        _ message: CoreHubMessage, _ allowUntyped: Bool
    ) throws(CoreConversionError) -> [UInt8] {
        var writer = MessagePackWriter()
        switch message.type {
        case .invocation, .streamInvocation: writer.array(6)
        case .streamItem: writer.array(4)
        case .completion: writer.array(message.error == nil && message.value == nil ? 4 : 5)
        default: throw CoreConversionError(.messageType, at: message.range.lowerBound)
        }
        writer.int(message.typeNumber)
        let headers = message.headerTexts
        writer.map(headers.count)
        for header in headers {
            writer.string(header.name)
            writer.string(header.value)
        }
        if let id = message.invocationID { writer.string(id.text) } else { writer.nil() }
        if let arguments = message.arguments {
            writer.string(message.target?.text ?? "")
            try append(arguments.range, of: message, to: &writer, allowUntyped)
            let streamIDs = message.streamIDTexts
            writer.array(streamIDs.count)
            for id in streamIDs { writer.string(id) }
        } else if message.type == .streamItem, let item = message.value {
            try append(item, of: message, to: &writer, allowUntyped)
        } else if let error = message.error {
            writer.int(1)
            writer.string(error.text)
        } else if let value = message.value {
            writer.int(3)
            try append(value, of: message, to: &writer, allowUntyped)
        } else {
            writer.int(2)
        }
        return length(writer.bytes.count) + writer.bytes
    }

    /// One JSON value in MessagePack: texts stay texts, objects become maps.
    package static func messagePack(json value: UnsafeRawBufferPointer) throws(CoreConversionError) -> [UInt8] {
        guard JSONText.isJSON(value) else { throw CoreConversionError(.malformed, at: 0) }
        var writer = MessagePackWriter()
        var scanner = JSONScanner(value)
        try append(&scanner, at: 0, to: &writer, true)
        return writer.bytes
    }

    /// 7-bit groups, the least significant first.
    package static func length(_ count: Int) -> [UInt8] {
        var groups: [UInt8] = []
        var left = count
        while left >= 0x80 {
            groups.append(UInt8(left & 0x7F) | 0x80)
            left >>= 7
        }
        return groups + [UInt8(left)]
    }

    private static func append(
        _ range: Range<Int>, of message: CoreHubMessage, to writer: inout MessagePackWriter, _ allowUntyped: Bool
    ) throws(CoreConversionError) {
        var scanner = JSONScanner(UnsafeRawBufferPointer(rebasing: message.payload[range]))
        try append(&scanner, at: range.lowerBound, to: &writer, allowUntyped)
    }

    /// The text was validated before: it is JSON, and not nested too deeply for a scanner.
    private static func append(
        _ scanner: inout JSONScanner, at base: Int, to writer: inout MessagePackWriter, _ allowUntyped: Bool
    ) throws(CoreConversionError) {
        let first = scanner.peek()
        let start = base + scanner.position
        switch first {
        case UInt8(ascii: "n"):
            _ = scanner.consume(literal: "null")
            writer.nil()
        case UInt8(ascii: "t"): writer.bool(scanner.consume(literal: "true"))
        case UInt8(ascii: "f"): writer.bool(!scanner.consume(literal: "false"))
        case UInt8(ascii: "\""):
            let text = scanner.string()?.decoded ?? ""
            guard allowUntyped || DotNetDate.rewritten(text) == nil else { throw CoreConversionError(.date, at: start) }
            writer.string(text)
        case UInt8(ascii: "["):
            var ahead = scanner
            writer.array(ahead.countElements() ?? 0)
            try elements(&scanner, UInt8(ascii: "["), UInt8(ascii: "]")) { scanner throws(CoreConversionError) in
                try append(&scanner, at: base, to: &writer, allowUntyped)
            }
        case UInt8(ascii: "{"):
            guard allowUntyped else { throw CoreConversionError(.object, at: start) }
            var ahead = scanner
            var count = 0
            _ = ahead.object { scanner, _ in
                count += 1
                return scanner.skipValue()
            }
            writer.map(count)
            try elements(&scanner, UInt8(ascii: "{"), UInt8(ascii: "}")) { scanner throws(CoreConversionError) in
                writer.string(scanner.string()?.decoded ?? "")
                _ = scanner.consume(UInt8(ascii: ":"))
                try append(&scanner, at: base, to: &writer, allowUntyped)
            }
        default:
            guard let number = scanner.number() else { throw CoreConversionError(.malformed, at: start) }
            switch CoreJSONNumber(number) {
            case .int(let value): writer.int(value)
            case .uint(let value): writer.int(value)
            case .double(let value): writer.double(value)
            case .inexact(let value):
                guard allowUntyped, value.isFinite else { throw CoreConversionError(.number, at: start) }
                writer.double(value)
            }
        }
    }

    private static func elements(
        _ scanner: inout JSONScanner, _ opening: UInt8, _ closing: UInt8,
        _ element: (inout JSONScanner) throws(CoreConversionError) -> Void
    ) throws(CoreConversionError) {
        _ = scanner.consume(opening)
        if scanner.consume(closing) { return }
        repeat { try element(&scanner) } while scanner.consume(UInt8(ascii: ","))
        _ = scanner.consume(closing)
    }

    // MARK: - To JSON

    private static func json(
        _ message: CoreHubMessage, _ allowUntyped: Bool
    ) throws(CoreConversionError) -> [UInt8] {
        switch message.type {
        case .invocation, .streamInvocation, .streamItem, .completion: break
        default: throw CoreConversionError(.messageType, at: message.range.lowerBound)
        }
        let policy: MessagePackJSON.Policy = allowUntyped ? .convertedUntyped : .converted
        var writer = JSONWriter()
        writer.raw("{\"type\":\(message.typeNumber)")
        let headers = message.headerTexts
        if !headers.isEmpty {
            writer.raw(",\"headers\":{")
            for (index, header) in headers.enumerated() {
                if index > 0 { writer.raw(",") }
                writer.string(header.name)
                writer.raw(":")
                writer.string(header.value)
            }
            writer.raw("}")
        }
        member("invocationId", message.invocationID?.text, to: &writer)
        member("target", message.target?.text, to: &writer)
        member("error", message.error?.text, to: &writer)
        if let arguments = message.arguments {
            try member("arguments", arguments.range, of: message, to: &writer, policy)
        }
        if let value = message.value {
            try member(message.type == .streamItem ? "item" : "result", value, of: message, to: &writer, policy)
        }
        if let streamIDs = message.streamIDs, streamIDs.count > 0 {
            try member("streamIds", streamIDs.range, of: message, to: &writer, policy)
        }
        writer.raw("}\u{1E}")
        return writer.bytes
    }

    private static func member(_ name: String, _ text: String?, to writer: inout JSONWriter) {
        guard let text else { return }
        writer.raw(",\"\(name)\":")
        writer.string(text)
    }

    private static func member(
        _ name: String, _ range: Range<Int>, of message: CoreHubMessage, to writer: inout JSONWriter,
        _ policy: MessagePackJSON.Policy
    ) throws(CoreConversionError) {
        writer.raw(",\"\(name)\":")
        var reader = MessagePackReader(message.payload, in: range)
        try MessagePackJSON.append(&reader, to: &writer, policy)
    }
}

/// Why a frame cannot be converted to the other protocol, and the offset in the payload.
package struct CoreConversionError: Error, Equatable, Sendable {
    /// Why.
    package let reason: Reason
    /// From the start of the converted frame or of the payload that contains it.
    package let offset: Int

    /// - Parameter offset: from the start of the converted bytes.
    package init(_ reason: Reason, at offset: Int) {
        self.reason = reason
        self.offset = offset
    }

    /// ``Reason/malformed``, at the same offset.
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
