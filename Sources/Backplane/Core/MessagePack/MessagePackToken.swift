import Time

/// A MessagePack value in place, or the head of a value with elements. Valid as long as the bytes it was read from.
package enum MessagePackToken {
    case `nil`
    case bool(Bool)
    /// Any integer that fits, whatever its width on the wire.
    case int(Int64)
    /// An integer above `Int64.max`.
    case uint(UInt64)
    case float(Float)
    case double(Double)
    /// Expected to be UTF-8, not checked.
    case string(UnsafeRawBufferPointer)
    case binary(UnsafeRawBufferPointer)
    /// The elements follow.
    case array(count: Int)
    /// The number of keys that follow, each with its value.
    case map(count: Int)
    case ext(type: Int8, data: UnsafeRawBufferPointer)
}

/// Extension types that occur in hub messages.
package enum MessagePackExtension {
    /// The type of the extension that holds a time.
    package static let timestamp: Int8 = -1
    /// `Lz4BlockArray` of MessagePack-CSharp: the first element of an array; the others are compressed blocks.
    package static let lz4BlockArray: Int8 = 98
    /// `Lz4Block` of MessagePack-CSharp: a compressed value.
    package static let lz4Block: Int8 = 99
}

/// A time: seconds since 1970, possibly negative, plus nanoseconds.
package struct MessagePackTimestamp: Hashable, Sendable {
    /// Since 1970.
    package let seconds: Int64
    /// 0 to 999,999,999.
    package let nanoseconds: UInt32

    package init(seconds: Int64, nanoseconds: UInt32) {
        self.seconds = seconds
        self.nanoseconds = nanoseconds
    }

    /// - Parameter data: of an extension value of type -1, 32, 64 or 96 bits.
    /// - Returns: nil if it is malformed.
    package init?(_ data: UnsafeRawBufferPointer) {
        switch data.count {
        case 4:
            seconds = Int64(UInt32(bigEndian: data.loadUnaligned(as: UInt32.self)))
            nanoseconds = 0
        case 8:
            let word = UInt64(bigEndian: data.loadUnaligned(as: UInt64.self))
            seconds = Int64(word & 0x3_FFFF_FFFF)
            nanoseconds = UInt32(word >> 34)
        case 12:
            nanoseconds = UInt32(bigEndian: data.loadUnaligned(as: UInt32.self))
            seconds = Int64(bigEndian: data.loadUnaligned(fromByteOffset: 4, as: Int64.self))
        default:
            return nil
        }
        guard nanoseconds < 1_000_000_000 else { return nil }
    }

    /// `2024-01-02T03:04:05.12Z`; nil outside the years 1 to 9999.
    package var iso8601: String? {
        guard (-62_135_596_800...253_402_300_799).contains(seconds) else { return nil }
        let days = seconds >= 0 ? seconds / 86_400 : (seconds - 86_399) / 86_400
        let second = seconds - days * 86_400
        let date = CivilDate(daysSince1970: Int(days))
        var text =
            Self.padded(Int64(date.year), 4) + "-" + Self.padded(Int64(date.month), 2) + "-"
            + Self.padded(Int64(date.day), 2)
        text += "T" + Self.padded(second / 3_600, 2) + ":" + Self.padded(second / 60 % 60, 2)
        text += ":" + Self.padded(second % 60, 2)
        if nanoseconds > 0 {
            var fraction = Self.padded(Int64(nanoseconds), 9)
            while fraction.last == "0" { fraction.removeLast() }
            text += "." + fraction
        }
        return text + "Z"
    }

    private static func padded(_ number: Int64, _ width: Int) -> String {
        let digits = String(number)
        return String(repeating: "0", count: max(0, width - digits.utf8.count)) + digits
    }
}
