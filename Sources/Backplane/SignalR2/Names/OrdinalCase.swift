/// Upper case as in .NET's `OrdinalIgnoreCase`: by UTF-16 code unit, language-independent, one to one.
///
/// This is Unicode's simple upper case (UnicodeData.txt, field 12; here Unicode 14) with two exceptions, which .NET
/// makes so that only ASCII letters equal ASCII letters: U+0131 (dotless i) and U+017F (long s) are unchanged.
/// Surrogates, and so all characters above U+FFFF, have no case.
package enum OrdinalCase {
    /// - Parameter text: UTF-8; malformed parts become U+FFFD.
    /// - Returns: UTF-8.
    package static func folded(_ text: UnsafeRawBufferPointer) -> [UInt8] {
        guard isASCII(text) else { return foldedText(text) }
        return [UInt8](unsafeUninitializedCapacity: text.count) { buffer, count in
            for index in 0..<text.count { buffer[index] = uppercased(ascii: text[index]) }
            count = text.count
        }
    }

    /// One UTF-16 unit.
    package static func uppercased(_ unit: UInt16) -> UInt16 {
        if unit < 0x80 { return UInt16(uppercased(ascii: UInt8(unit))) }
        var low = 0
        var high = runs.count
        while low < high {
            let middle = (low + high) / 2
            if runs[middle].last < unit { low = middle + 1 } else { high = middle }
        }
        guard low < runs.count, runs[low].first <= unit, (unit - runs[low].first) % runs[low].step == 0 else {
            return unit
        }
        return UInt16(truncatingIfNeeded: Int32(unit) + runs[low].distance)
    }

    /// The same for ASCII alone.
    @inline(__always)
    package static func uppercased(ascii byte: UInt8) -> UInt8 {
        byte &- UInt8(ascii: "a") < 26 ? byte & 0xDF : byte
    }

    /// Whether no byte is above 7F.
    @inline(__always)
    package static func isASCII(_ bytes: UnsafeRawBufferPointer) -> Bool {
        var seen: UInt8 = 0
        for byte in bytes { seen |= byte }
        return seen < 0x80
    }

    private static func foldedText(_ text: UnsafeRawBufferPointer) -> [UInt8] {
        var folded: [UInt8] = []
        folded.reserveCapacity(text.count + 4)
        for scalar in String(decoding: text, as: UTF8.self).unicodeScalars {
            // Surrogates and characters never map to each other.
            let upper = UInt16(exactly: scalar.value).flatMap { Unicode.Scalar(uppercased($0)) } ?? scalar
            folded.append(contentsOf: UTF8.encode(upper) ?? UTF8.encodedReplacementCharacter)
        }
        return folded
    }
}
