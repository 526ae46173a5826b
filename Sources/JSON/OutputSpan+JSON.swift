/// Writes JSON text to preallocated memory, so that nothing grows or moves. Overflow traps.
///
/// Inlined where the size of a part is known: copying then takes a few instructions.
extension OutputSpan<UInt8> {
    /// - Precondition: there is room for all of them.
    @inlinable @inline(__always)
    package mutating func append(_ bytes: UnsafeRawBufferPointer) {
        precondition(bytes.count <= freeCapacity)
        guard bytes.count > 0 else { return }
        withUnsafeMutableBufferPointer { buffer, count in
            UnsafeMutableRawBufferPointer(rebasing: UnsafeMutableRawBufferPointer(buffer)[count...])
                .copyMemory(from: bytes)
            count += bytes.count
        }
    }

    /// - Precondition: there is room for all of it.
    @inlinable @inline(__always)
    package mutating func append(_ text: StaticString) {
        append(UnsafeRawBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
    }

    /// At most 20 bytes.
    package mutating func append(decimal number: UInt64) {
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

    /// A JSON string of at most ``jsonStringLimit(_:)`` bytes. Unicode line ends are not escaped.
    ///
    /// - Parameter text: valid UTF-8.
    package mutating func append(jsonString text: UnsafeRawBufferPointer) {
        append(UInt8(ascii: "\""))
        var pieces = JSONEscaping(text)
        while let piece = pieces.next() {
            append(piece.plain)
            if let escape = piece.escape { append(escape) }
        }
        append(UInt8(ascii: "\""))
    }

    /// Each byte may become `\u0000`; plus the quotation marks.
    @inlinable package static func jsonStringLimit(_ count: Int) -> Int { 6 * count + 2 }
}
