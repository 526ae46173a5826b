/// Hub and method of a call, found by looking at the beginning of the value only: nodes write `{"H":hub,"M":method,...`.
///
/// For counting; ``HubInvocation`` checks the whole. Valid as long as the value's memory.
public struct HubCallName {
    /// The bytes that hold both names, quotation marks between them and all: the same for each call of this method.
    public let key: UnsafeRawBufferPointer
    private let hubLength: Int

    private static let head: StaticString = #"{"H":""#
    private static let middle: StaticString = #"","M":""#

    /// - Returns: nil if it does not begin so, or a name is escaped.
    @inline(__always)
    public init?(quickly value: UnsafeRawBufferPointer) {
        let start = Self.head.utf8CodeUnitCount
        guard Self.holds(value, Self.head, at: 0), let hubEnd = Self.end(of: value, from: start),
            Self.holds(value, Self.middle, at: hubEnd)
        else { return nil }
        let methodStart = hubEnd + Self.middle.utf8CodeUnitCount
        guard let methodEnd = Self.end(of: value, from: methodStart) else { return nil }
        hubLength = hubEnd - start
        key = UnsafeRawBufferPointer(rebasing: value[start..<methodEnd])
    }

    /// Malformed UTF-8 becomes U+FFFD.
    public var hub: String { String(decoding: key[..<hubLength], as: UTF8.self) }
    public var method: String {
        String(decoding: key[(key.startIndex + hubLength + Self.middle.utf8CodeUnitCount)...], as: UTF8.self)
    }

    @inline(__always)
    private static func holds(_ value: UnsafeRawBufferPointer, _ text: StaticString, at offset: Int) -> Bool {
        guard value.count &- offset >= text.utf8CodeUnitCount else { return false }
        for index in 0..<text.utf8CodeUnitCount where value[offset &+ index] != text.utf8Start[index] { return false }
        return true
    }

    /// Where the string ends that begins here; nil if it has escapes or no end.
    @inline(__always)
    private static func end(of value: UnsafeRawBufferPointer, from start: Int) -> Int? {
        var index = start
        // Eight bytes at a time, as long as there are eight.
        while index &+ 8 <= value.count {
            let word = UInt64(littleEndian: value.loadUnaligned(fromByteOffset: index, as: UInt64.self))
            let stops = marked(UInt8(ascii: "\""), in: word) | marked(UInt8(ascii: "\\"), in: word)
            if stops != 0 {
                index &+= stops.trailingZeroBitCount / 8
                return value[index] == UInt8(ascii: "\"") ? index : nil
            }
            index &+= 8
        }
        while index < value.count {
            if value[index] == UInt8(ascii: "\"") { return index }
            if value[index] == UInt8(ascii: "\\") { return nil }
            index &+= 1
        }
        return nil
    }

    /// The highest bit of each byte that equals `byte`, exact up to the first one (Mycroft, 1987).
    @inline(__always)
    private static func marked(_ byte: UInt8, in word: UInt64) -> UInt64 {
        let ones: UInt64 = 0x0101_0101_0101_0101
        let difference = word ^ (ones &* UInt64(byte))
        return (difference &- ones) & ~difference & 0x8080_8080_8080_8080
    }
}
