/// The commands that a reader of a replication stream distinguishes.
enum CommandKind {
    case publish
    case shardPublish
    case ping
    case framing
    case control
    case other

    /// Longer than the name of any of them.
    static let longestName = 16

    /// - Parameter name: in any case, as clients write it.
    init(_ name: UnsafeRawBufferPointer) {
        self =
            switch name.count {
            case 4 where Self.equals(name, "ping"): .ping
            case 4 where Self.equals(name, "exec"): .framing
            case 5 where Self.equals(name, "multi"): .framing
            case 6 where Self.equals(name, "select"): .framing
            case 7 where Self.equals(name, "publish"): .publish
            case 8 where Self.equals(name, "spublish"): .shardPublish
            case 8 where Self.equals(name, "replconf"): .control
            default: .other
            }
    }

    /// The class in which it is counted; a PUBLISH as one of a wanted channel.
    var countedAs: TapFigures.CommandClass {
        switch self {
        case .publish: .publish
        case .shardPublish: .shardPublish
        case .ping: .ping
        case .framing: .framing
        case .control: .control
        case .other: .other
        }
    }

    /// - Parameter word: lower-case letters.
    static func equals(_ bytes: UnsafeRawBufferPointer, _ word: StaticString) -> Bool {
        guard bytes.count == word.utf8CodeUnitCount else { return false }
        for index in 0..<bytes.count where bytes[index] | 0x20 != word.utf8Start[index] { return false }
        return true
    }
}

/// A line with a number, read in pieces.
struct NumberLine {
    private(set) var value = 0
    private var digits = 0
    private var hasReturn = false

    /// - Returns: whether its line has ended; nil if it is none.
    mutating func read(_ bytes: UnsafeRawBufferPointer, _ at: inout Int) -> Bool? {
        while at < bytes.count {
            let byte = bytes[at]
            at += 1
            if hasReturn { return byte == 10 ? true : nil }
            switch byte {
            case UInt8(ascii: "0")...UInt8(ascii: "9") where digits < 15:
                value = value * 10 + Int(byte - UInt8(ascii: "0"))
                digits += 1
            case 13 where digits > 0: hasReturn = true
            default: return nil
            }
        }
        return false
    }
}

/// A string that lies whole in memory: `$<length>\r\n<bytes>\r\n`.
struct WholeString {
    let start: Int
    let count: Int
    /// After its line end.
    let end: Int

    /// - Returns: nil if it does not begin at `start`, or end before `limit`.
    @inline(__always)
    init?(in base: UnsafeRawPointer, from start: Int, to limit: Int) {
        guard start < limit, base.load(fromByteOffset: start, as: UInt8.self) == UInt8(ascii: "$") else { return nil }
        var at = start &+ 1
        var count = 0
        while true {
            guard at < limit, at &- start <= 10 else { return nil }
            let digit = base.load(fromByteOffset: at, as: UInt8.self) &- UInt8(ascii: "0")
            guard digit <= 9 else { break }
            count = count &* 10 &+ Int(digit)
            at &+= 1
        }
        guard at &- start > 1, limit &- at >= count &+ 4, Self.isLineEnd(base, at),
            Self.isLineEnd(base, at &+ 2 &+ count)
        else { return nil }
        self.start = at &+ 2
        self.count = count
        end = at &+ 4 &+ count
    }

    @inline(__always)
    private static func isLineEnd(_ base: UnsafeRawPointer, _ at: Int) -> Bool {
        base.loadUnaligned(fromByteOffset: at, as: UInt16.self).littleEndian == 0x0A0D
    }
}
