package import JSON

/// Writes MessagePack values as JSON text.
///
/// `nil`, booleans, numbers, texts and arrays are mapped directly. Bytes become Base64 and times ISO 8601 text, as in
/// SignalR's JSON protocol; maps become objects. A key that is not a text is named by its JSON, a key with elements by
/// the Base64 of its bytes. Types specific to MessagePack become objects: `{"ext":5,"base64":"AAEC"}`,
/// `{"ext":99,"compressed":"lz4","bytes":120}`.
package enum MessagePackJSON {
    /// What to do with values that JSON cannot represent.
    package enum Policy: Sendable {
        /// Everything is shown.
        case shown
        /// What the JSON protocol cannot represent is refused.
        case converted
        /// Objects, bytes and times become their most likely form; the rest is refused.
        case convertedUntyped
    }

    /// Writes the next value of the reader.
    package static func append(
        _ reader: inout MessagePackReader, to writer: inout JSONWriter, _ policy: Policy
    ) throws(CoreConversionError) {
        try append(&reader, to: &writer, policy, depth: 0)
    }

    private static func append(
        _ reader: inout MessagePackReader, to writer: inout JSONWriter, _ policy: Policy, depth: Int
    ) throws(CoreConversionError) {
        let start = reader.position
        if reader.isCompressed {
            guard policy == .shown else { throw CoreConversionError(.compressed, at: start) }
            return compressed(try value(&reader), reader.bytes, to: &writer)
        }
        switch try token(&reader) {
        case .nil: writer.raw("null")
        case .bool(let value): writer.raw(value ? "true" : "false")
        case .int(let value): writer.raw(String(value))
        case .uint(let value): writer.raw(String(value))
        case .float(let value): try number(value, value.isFinite, to: &writer, policy, start)
        case .double(let value): try number(value, value.isFinite, to: &writer, policy, start)
        case .string(let text): writer.string(String(decoding: text, as: UTF8.self))
        case .binary(let data):
            guard policy != .converted else { throw CoreConversionError(.bytes, at: start) }
            base64(data, to: &writer)
        case .ext(let type, let data): try ext(type, data, to: &writer, policy, start)
        case .array(let count):
            guard depth < MessagePackReader.maximumDepth else { throw CoreConversionError(.tooDeep, at: start) }
            writer.raw("[")
            for index in 0..<count {
                if index > 0 { writer.raw(",") }
                try append(&reader, to: &writer, policy, depth: depth + 1)
            }
            writer.raw("]")
        case .map(let count):
            guard policy != .converted else { throw CoreConversionError(.object, at: start) }
            guard depth < MessagePackReader.maximumDepth else { throw CoreConversionError(.tooDeep, at: start) }
            writer.raw("{")
            for index in 0..<count {
                if index > 0 { writer.raw(",") }
                try key(&reader, to: &writer, policy)
                writer.raw(":")
                try append(&reader, to: &writer, policy, depth: depth + 1)
            }
            writer.raw("}")
        }
    }

    private static func key(
        _ reader: inout MessagePackReader, to writer: inout JSONWriter, _ policy: Policy
    ) throws(CoreConversionError) {
        let start = reader.position
        var ahead = reader
        switch try token(&ahead) {
        case .string(let text):
            reader = ahead
            writer.string(String(decoding: text, as: UTF8.self))
        case .array, .map, .ext, .binary:
            // JSON in the text of a key would double its escapes at each level.
            guard policy == .shown else { throw CoreConversionError(.object, at: start) }
            let range = try value(&reader)
            base64(UnsafeRawBufferPointer(rebasing: reader.bytes[range]), to: &writer)
        default:
            var json = JSONWriter()
            try append(&reader, to: &json, policy, depth: 0)
            writer.string(String(decoding: json.bytes, as: UTF8.self))
        }
    }

    private static func number(
        _ value: some CustomStringConvertible, _ isFinite: Bool, to writer: inout JSONWriter, _ policy: Policy,
        _ start: Int
    ) throws(CoreConversionError) {
        guard !isFinite else { return writer.raw(value.description) }
        guard policy != .converted else { throw CoreConversionError(.number, at: start) }
        // Named as by System.Text.Json with named floating-point literals.
        let name = value.description
        writer.string(name == "inf" ? "Infinity" : name == "-inf" ? "-Infinity" : "NaN")
    }

    private static func ext(
        _ type: Int8, _ data: UnsafeRawBufferPointer, to writer: inout JSONWriter, _ policy: Policy, _ start: Int
    ) throws(CoreConversionError) {
        if type == MessagePackExtension.timestamp {
            guard policy != .converted else { throw CoreConversionError(.date, at: start) }
            if let time = MessagePackTimestamp(data)?.iso8601 { return writer.string(time) }
        }
        guard policy == .shown else { throw CoreConversionError(.ext, at: start) }
        writer.raw("{\"ext\":\(type),\"base64\":")
        base64(data, to: &writer)
        writer.raw("}")
    }

    private static func compressed(
        _ range: Range<Int>, _ bytes: UnsafeRawBufferPointer, to writer: inout JSONWriter
    ) {
        let isArray = bytes[range.lowerBound] & 0xF0 == 0x90 || bytes[range.lowerBound] & 0xFE == 0xDC
        let type = isArray ? MessagePackExtension.lz4BlockArray : MessagePackExtension.lz4Block
        writer.raw("{\"ext\":\(type),\"compressed\":\"lz4\",\"bytes\":\(range.count)}")
    }

    private static func base64(_ data: UnsafeRawBufferPointer, to writer: inout JSONWriter) {
        writer.raw("\"")
        writer.raw(Base64.encoded(data))
        writer.raw("\"")
    }

    private static func token(_ reader: inout MessagePackReader) throws(CoreConversionError) -> MessagePackToken {
        do throws(CoreError) { return try reader.token() } catch { throw CoreConversionError(error) }
    }

    private static func value(_ reader: inout MessagePackReader) throws(CoreConversionError) -> Range<Int> {
        do throws(CoreError) { return try reader.value() } catch { throw CoreConversionError(error) }
    }
}

/// Base64 with padding (RFC 4648, section 4); this module does not import Foundation.
enum Base64 {
    private static let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)

    static func encoded(_ data: UnsafeRawBufferPointer) -> [UInt8] {
        var text: [UInt8] = []
        text.reserveCapacity((data.count + 2) / 3 * 4)
        for start in stride(from: 0, to: data.count, by: 3) {
            let left = data.count - start
            let word =
                UInt32(data[start]) << 16 | (left > 1 ? UInt32(data[start + 1]) << 8 : 0)
                | (left > 2 ? UInt32(data[start + 2]) : 0)
            for digit in 0..<4 {
                text.append(
                    digit <= left ? alphabet[Int(word >> UInt32(18 - 6 * digit) & 0x3F)] : UInt8(ascii: "="))
            }
        }
        return text
    }
}
