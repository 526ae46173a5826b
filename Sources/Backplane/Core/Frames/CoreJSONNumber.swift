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
