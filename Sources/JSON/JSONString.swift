/// A string in JSON text, in place: the text between the quotation marks, with validated but undecoded escapes.
package struct JSONString {
    /// The bytes between the quotation marks, unchanged.
    package let raw: UnsafeRawBufferPointer
    /// Whether a backslash is in it; without one the raw bytes are the text.
    package let hasEscapes: Bool

    /// - Parameter raw: checked already; must outlive the string.
    @inlinable package init(raw: UnsafeRawBufferPointer, hasEscapes: Bool) {
        self.raw = raw
        self.hasEscapes = hasEscapes
    }

    /// The byte of a one-byte string, else nil: for comparing short names without decoding.
    @inlinable @inline(__always)
    package var onlyByte: UInt8? {
        if raw.count == 1 { return raw[0] }
        guard hasEscapes else { return nil }
        let utf8 = decoded.utf8
        return utf8.count == 1 ? utf8.first : nil
    }

    /// The text with decoded escapes. Lone surrogates and malformed UTF-8 become U+FFFD, as in .NET.
    package var decoded: String {
        guard hasEscapes else { return String(decoding: raw, as: UTF8.self) }
        var utf8: [UInt8] = []
        utf8.reserveCapacity(raw.count)
        var position = 0
        while position < raw.count {
            guard raw[position] == UInt8(ascii: "\\") else {
                utf8.append(raw[position])
                position += 1
                continue
            }
            let escape = raw[position + 1]
            position += 2
            if escape == UInt8(ascii: "u") {
                utf8.append(contentsOf: String(unicodeEscape(at: &position)).utf8)
            } else {
                utf8.append(Self.character(escapedBy: escape))
            }
        }
        return String(decoding: utf8, as: UTF8.self)
    }

    /// Compares with an ASCII name, ignoring case.
    package func equalsIgnoringCase(_ name: String) -> Bool {
        decoded.utf8.elementsEqual(name.utf8) { Self.lowercased($0) == Self.lowercased($1) }
    }

    /// Offset of the next byte that must be escaped in a string: `"`, `\` or a control character.
    @inlinable package static func endOfPlainText(in bytes: UnsafeRawBufferPointer, from start: Int) -> Int {
        var offset = start
        while bytes.count - offset >= 8 {
            let word = UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self))
            // Eight bytes at a time: subtracting sets the high bit of each byte below the subtrahend. A borrow can set
            // further bits, but only above the first one, which alone is used.
            let quotes = (word ^ 0x2222_2222_2222_2222) &- 0x0101_0101_0101_0101
            let backslashes = (word ^ 0x5C5C_5C5C_5C5C_5C5C) &- 0x0101_0101_0101_0101
            let controls = word &- 0x2020_2020_2020_2020
            let special = (quotes | backslashes | controls) & ~word & 0x8080_8080_8080_8080
            guard special == 0 else { return offset + special.trailingZeroBitCount / 8 }
            offset += 8
        }
        while offset < bytes.count {
            switch bytes[offset] {
            case UInt8(ascii: "\""), UInt8(ascii: "\\"), 0..<0x20: return offset
            default: offset += 1
            }
        }
        return offset
    }

    /// 0 to 15; nil for what is no hexadecimal digit.
    @inlinable package static func hexValue(_ digit: UInt8) -> UInt16? {
        switch digit {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): UInt16(digit - UInt8(ascii: "0"))
        case UInt8(ascii: "a")...UInt8(ascii: "f"): UInt16(digit - UInt8(ascii: "a") + 10)
        case UInt8(ascii: "A")...UInt8(ascii: "F"): UInt16(digit - UInt8(ascii: "A") + 10)
        default: nil
        }
    }

    private static func lowercased(_ byte: UInt8) -> UInt8 {
        switch byte {
        case UInt8(ascii: "A")...UInt8(ascii: "Z"): byte | 0x20
        default: byte
        }
    }

    /// Decodes an escape after its `u`, together with a second one if they form a surrogate pair.
    private func unicodeEscape(at position: inout Int) -> Character {
        let first = codeUnit(at: position)
        position += 4
        if UTF16.isLeadSurrogate(first), raw.count - position >= 6,
            raw[position] == UInt8(ascii: "\\"), raw[position + 1] == UInt8(ascii: "u")
        {
            let second = codeUnit(at: position + 2)
            if UTF16.isTrailSurrogate(second) {
                position += 6
                return Character(UTF16.decode(UTF16.EncodedScalar([first, second])))
            }
        }
        return Character(Unicode.Scalar(first) ?? Self.replacement)
    }

    private func codeUnit(at position: Int) -> UInt16 {
        raw[position..<position + 4].reduce(0) { $0 << 4 | (Self.hexValue($1) ?? 0) }
    }

    private static let replacement: Unicode.Scalar = "\u{FFFD}"

    private static func character(escapedBy escape: UInt8) -> UInt8 {
        switch escape {
        case UInt8(ascii: "b"): 0x08
        case UInt8(ascii: "f"): 0x0C
        case UInt8(ascii: "n"): 0x0A
        case UInt8(ascii: "r"): 0x0D
        case UInt8(ascii: "t"): 0x09
        default: escape
        }
    }
}
