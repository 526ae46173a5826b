import Backplane

/// Text written to memory that was made before, so that nothing grows or moves between its parts. What does not fit traps.
///
/// Inlined where the size of a part is known: copying it is then a few instructions.
extension OutputSpan<UInt8> {
    @inline(__always)
    mutating func append(_ bytes: UnsafeRawBufferPointer) {
        precondition(bytes.count <= freeCapacity)
        guard bytes.count > 0 else { return }
        withUnsafeMutableBufferPointer { buffer, count in
            UnsafeMutableRawBufferPointer(rebasing: UnsafeMutableRawBufferPointer(buffer)[count...])
                .copyMemory(from: bytes)
            count += bytes.count
        }
    }

    @inline(__always)
    mutating func append(_ text: StaticString) {
        append(UnsafeRawBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
    }

    /// With zeros before it; what has more digits loses its first ones.
    @inline(__always)
    mutating func append(_ number: Int, digits: Int) {
        precondition(digits <= freeCapacity)
        withUnsafeMutableBufferPointer { buffer, count in
            var rest = UInt32(truncatingIfNeeded: number)
            for index in stride(from: count + digits - 1, through: count, by: -1) {
                buffer[index] = UInt8(ascii: "0") + UInt8(truncatingIfNeeded: rest % 10)
                rest /= 10
            }
            count += digits
        }
    }

    /// At most 20 bytes.
    mutating func append(decimal number: UInt64) {
        var digits = 1
        var bound: UInt64 = 10
        while number >= bound {
            digits += 1
            let (next, isTooLarge) = bound.multipliedReportingOverflow(by: 10)
            if isTooLarge { break }
            bound = next
        }
        precondition(digits <= freeCapacity)
        withUnsafeMutableBufferPointer { buffer, count in
            var rest = number
            for index in stride(from: count + digits - 1, through: count, by: -1) {
                buffer[index] = UInt8(ascii: "0") + UInt8(truncatingIfNeeded: rest % 10)
                rest /= 10
            }
            count += digits
        }
    }

    /// A JSON string of at most ``jsonStringLimit(_:)`` bytes.
    ///
    /// - Parameter text: valid UTF-8.
    mutating func append(jsonString text: UnsafeRawBufferPointer) {
        append(UInt8(ascii: "\""))
        var position = 0
        while true {
            let end = JSONText.endOfPlainText(in: text, from: position)
            append(UnsafeRawBufferPointer(rebasing: text[position..<end]))
            guard end < text.count else { break }
            append(UInt8(ascii: "\\"))
            switch text[end] {
            case UInt8(ascii: "\n"): append(UInt8(ascii: "n"))
            case UInt8(ascii: "\r"): append(UInt8(ascii: "r"))
            case UInt8(ascii: "\t"): append(UInt8(ascii: "t"))
            case UInt8(ascii: "\""), UInt8(ascii: "\\"): append(text[end])
            case let control:
                let digit = control & 0x0F
                append(control < 0x10 ? "u000" : "u001")
                append(digit < 10 ? UInt8(ascii: "0") + digit : UInt8(ascii: "a") + digit - 10)
            }
            position = end + 1
        }
        append(UInt8(ascii: "\""))
    }

    /// Each byte may become `\u0000`, and the quotation marks.
    static func jsonStringLimit(_ count: Int) -> Int { 6 * count + 2 }
}
