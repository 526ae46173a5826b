import JSON

/// An application value in place: one JSON value or one MessagePack value.
package struct CoreValue {
    /// The payload that contains the value.
    package let payload: UnsafeRawBufferPointer
    /// How the value is encoded.
    package let format: CoreFormat
    /// The value's place in the payload.
    package let range: Range<Int>

    /// - Parameter range: exactly one value, already validated.
    package init(payload: UnsafeRawBufferPointer, format: CoreFormat, range: Range<Int>) {
        self.payload = payload
        self.format = format
        self.range = range
    }

    /// The encoded value, as in the payload.
    package var bytes: UnsafeRawBufferPointer { UnsafeRawBufferPointer(rebasing: payload[range]) }

    /// The decoded text; nil if the value is not a text.
    package var text: String? {
        switch format {
        case .json:
            var scanner = JSONScanner(bytes)
            return scanner.string()?.decoded
        case .messagePack:
            var reader = MessagePackReader(payload, in: range)
            return (try? reader.string()).map { CoreText($0).text }
        }
    }

    /// As JSON: copied from JSON, or converted by ``MessagePackJSON``.
    package func json() -> [UInt8] {
        switch format {
        case .json: return Array(bytes)
        case .messagePack:
            var writer = JSONWriter()
            var reader = MessagePackReader(payload, in: range)
            do throws(CoreConversionError) {
                try MessagePackJSON.append(&reader, to: &writer, .shown)
            } catch {
                // Too deep: the output so far is not valid JSON.
                return Array("\"\(error.reason.label)\"".utf8)
            }
            return writer.bytes
        }
    }
}

/// An array in a hub message, in place.
package struct CoreElements {
    /// The payload that contains the array.
    package let payload: UnsafeRawBufferPointer
    /// How the elements are encoded.
    package let format: CoreFormat
    /// The whole array, in the payload.
    package let range: Range<Int>
    /// Number of elements.
    package let count: Int

    /// Calls `body` with each element's place in the payload.
    package func forEach(_ body: (_ index: Int, _ range: Range<Int>) -> Void) {
        switch format {
        case .json:
            var scanner = JSONScanner(UnsafeRawBufferPointer(rebasing: payload[range]))
            var index = 0
            _ = scanner.array { scanner in
                _ = scanner.peek()
                let start = range.lowerBound &+ scanner.position
                guard scanner.skipValue() else { return false }
                body(index, start..<range.lowerBound &+ scanner.position)
                index += 1
                return true
            }
        case .messagePack:
            var reader = MessagePackReader(payload, in: range)
            guard let count = try? reader.arrayCount() else { return }
            for index in 0..<count {
                guard let element = try? reader.value() else { return }
                body(index, element)
            }
        }
    }

    /// Each element's place in the payload.
    package var ranges: [Range<Int>] {
        var ranges: [Range<Int>] = []
        forEach { ranges.append($1) }
        return ranges
    }

    /// All elements as one JSON array.
    package func json() -> [UInt8] { CoreValue(payload: payload, format: format, range: range).json() }
}

/// A text of a hub message in place: JSON with validated but undecoded escapes, or UTF-8 in MessagePack. Valid as long
/// as the payload's memory.
package struct CoreText {
    /// UTF-8 with JSON escapes not decoded. The cheapest key for counting, because nodes always write a name the same
    /// way.
    package let raw: UnsafeRawBufferPointer
    /// True if ``raw`` contains JSON escapes. Always false for MessagePack.
    package let hasEscapes: Bool

    init(_ json: JSONString) {
        raw = json.raw
        hasEscapes = json.hasEscapes
    }

    init(_ utf8: UnsafeRawBufferPointer) {
        raw = utf8
        hasEscapes = false
    }

    /// Lone surrogates and malformed UTF-8 become U+FFFD, as in .NET.
    package var text: String { JSONString(raw: raw, hasEscapes: hasEscapes).decoded }

    /// Whether both texts are equal byte for byte after decoding escapes.
    package func isSame(as other: CoreText) -> Bool {
        if !hasEscapes, !other.hasEscapes { return raw.elementsEqual(other.raw) }
        return text.utf8.elementsEqual(other.text.utf8)
    }
}

/// A JSON number, as exactly as MessagePack can represent it.
enum CoreJSONNumber: Equatable {
    case int(Int64)
    /// Above `Int64.max`.
    case uint(UInt64)
    case double(Double)
    /// Beyond 64 bits or the range of a double, or with more digits than a double has.
    case inexact(Double)

    /// - Parameter text: a number in JSON's grammar.
    init(_ text: UnsafeRawBufferPointer) {
        if let integer = Self.integer(text) {
            self = integer
            return
        }
        let value = Self.double(text)
        self = value.isFinite && Self.significantDigits(text) <= 17 ? .double(value) : .inexact(value)
    }

    static func double(_ text: UnsafeRawBufferPointer) -> Double {
        Double(String(decoding: text, as: UTF8.self)) ?? .nan
    }

    private static func integer(_ text: UnsafeRawBufferPointer) -> CoreJSONNumber? {
        let isNegative = text.first == UInt8(ascii: "-")
        var magnitude: UInt64 = 0
        for digit in text.dropFirst(isNegative ? 1 : 0) {
            guard digit &- UInt8(ascii: "0") < 10 else { return nil }
            let (product, isTooLarge) = magnitude.multipliedReportingOverflow(by: 10)
            let (sum, isAbove) = product.addingReportingOverflow(UInt64(digit &- UInt8(ascii: "0")))
            guard !isTooLarge, !isAbove else { return nil }
            magnitude = sum
        }
        guard isNegative else { return Int64(exactly: magnitude).map { .int($0) } ?? .uint(magnitude) }
        // -0 must be a double: integers have no negative zero.
        guard magnitude > 0, magnitude <= UInt64(Int64.max) + 1 else { return nil }
        return .int(Int64(truncatingIfNeeded: 0 &- magnitude))
    }

    private static func significantDigits(_ text: UnsafeRawBufferPointer) -> Int {
        var digits = 0
        var trailingZeros = 0
        for byte in text {
            switch byte {
            case UInt8(ascii: "0"):
                if digits > 0 { trailingZeros += 1 }
            case UInt8(ascii: "1")...UInt8(ascii: "9"):
                digits += trailingZeros + 1
                trailingZeros = 0
            case UInt8(ascii: "e"), UInt8(ascii: "E"): return digits
            default: break
            }
        }
        return digits
    }
}
