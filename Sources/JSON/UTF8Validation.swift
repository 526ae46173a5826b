/// Strict UTF-8 validation (RFC 3629: no surrogates, no overlong forms, nothing above U+10FFFF), fast for ASCII.
package enum UTF8Validation {
    /// - Returns: the offset of the first malformed sequence, or nil.
    @inlinable @inline(__always)  // Most strings in an envelope are short, and ASCII.
    package static func firstInvalidOffset(in bytes: UnsafeRawBufferPointer) -> Int? {
        isASCII(bytes) ? nil : firstInvalidOffsetOfText(in: bytes)
    }

    /// Whether no byte is above 7F.
    @inlinable @inline(__always)
    package static func isASCII(_ bytes: UnsafeRawBufferPointer) -> Bool {
        guard bytes.count >= 8 else { return bytes.allSatisfy { $0 < 0x80 } }
        // The last word may overlap the one before it.
        let last = bytes.count &- 8
        var seen = bytes.loadUnaligned(fromByteOffset: last, as: UInt64.self)
        var offset = 0
        while offset < last {
            seen |= bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self)
            offset &+= 8
        }
        return seen & 0x8080_8080_8080_8080 == 0
    }

    @usableFromInline @inline(never)
    static func firstInvalidOffsetOfText(in bytes: UnsafeRawBufferPointer) -> Int? {
        var offset = 0
        while true {
            offset = endOfASCII(in: bytes, from: offset)
            guard offset < bytes.count else { return nil }
            // Non-ASCII text comes in runs: do not return to the ASCII loop after each character.
            repeat {
                let length = lengthOfMultibyteSequence(in: bytes, at: offset)
                guard length > 0 else { return offset }
                offset += length
            } while offset < bytes.count && bytes[offset] >= 0x80
        }
    }

    private static func endOfASCII(in bytes: UnsafeRawBufferPointer, from start: Int) -> Int {
        var offset = start
        while bytes.count - offset >= 8 {
            let word = UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self))
            let highBits = word & 0x8080_8080_8080_8080
            guard highBits == 0 else { return offset + highBits.trailingZeroBitCount / 8 }
            offset += 8
        }
        if offset > start {
            // The last word again, up to the end: its overlap is known to be ASCII.
            let last = bytes.count - 8
            let word = UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: last, as: UInt64.self))
            let highBits = word & 0x8080_8080_8080_8080
            return highBits == 0 ? bytes.count : last + highBits.trailingZeroBitCount / 8
        }
        while offset < bytes.count && bytes[offset] < 0x80 {
            offset += 1
        }
        return offset
    }

    /// - Returns: 2, 3 or 4; 0 if no well-formed sequence starts here (Unicode Standard, table 3-7).
    private static func lengthOfMultibyteSequence(in bytes: UnsafeRawBufferPointer, at offset: Int) -> Int {
        let available = bytes.count - offset
        guard available >= 2 else { return 0 }
        let lead = bytes[offset]
        let second = bytes[offset + 1]

        let length: Int
        let seconds: ClosedRange<UInt8>
        switch lead {
        case 0xC2...0xDF: (length, seconds) = (2, 0x80...0xBF)
        case 0xE0: (length, seconds) = (3, 0xA0...0xBF)
        case 0xED: (length, seconds) = (3, 0x80...0x9F)
        case 0xE1...0xEF: (length, seconds) = (3, 0x80...0xBF)
        case 0xF0: (length, seconds) = (4, 0x90...0xBF)
        case 0xF1...0xF3: (length, seconds) = (4, 0x80...0xBF)
        case 0xF4: (length, seconds) = (4, 0x80...0x8F)
        default: return 0
        }
        guard available >= length, seconds.contains(second) else { return 0 }
        for continuation in offset + 2..<offset + length where bytes[continuation] & 0xC0 != 0x80 {
            return 0
        }
        return length
    }
}
