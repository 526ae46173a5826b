/// Remembers how one value began that comes often, so that looking at it closely can be spared.
///
/// It takes up the one that comes at each 16th miss: soon the most frequent, at little cost where none is.
struct FrequentHead {
    /// In bytes: a word at least.
    private static let lengths = 8...64
    private static let missesUntilReplaced = 16

    private var bytes = [UInt8](repeating: 0, count: lengths.upperBound)
    /// 0: nothing is remembered.
    private var count = 0
    private var misses = 0

    /// Whether `value` begins with what is remembered.
    @inline(__always)
    func begins(_ value: UnsafeRawBufferPointer) -> Bool {
        guard count > 0, value.count >= count else { return false }
        // A span and no closure, for which the array would be retained.
        let head = bytes.span.bytes
        // Without a branch for each word; the last one overlaps the one before.
        var difference: UInt64 = 0
        var offset = 0
        while offset &+ 8 < count {
            difference |= Self.word(head, offset) ^ Self.word(value, offset)
            offset &+= 8
        }
        return difference | Self.word(head, count &- 8) ^ Self.word(value, count &- 8) == 0
    }

    /// Takes note of the head of a value that begins with another one.
    ///
    /// - Returns: true if it is remembered now.
    @inline(__always)
    mutating func missed(_ head: UnsafeRawBufferPointer) -> Bool {
        misses &+= 1
        guard misses >= Self.missesUntilReplaced || count == 0 else { return false }
        return replace(by: head)
    }

    private mutating func replace(by head: UnsafeRawBufferPointer) -> Bool {
        guard Self.lengths.contains(head.count) else { return false }
        misses = 0
        bytes.withUnsafeMutableBytes { $0.copyMemory(from: head) }
        count = head.count
        return true
    }

    @inline(__always)
    private static func word(_ bytes: borrowing RawSpan, _ offset: Int) -> UInt64 {
        bytes.unsafeLoadUnaligned(fromUncheckedByteOffset: offset, as: UInt64.self)
    }

    @inline(__always)
    private static func word(_ bytes: UnsafeRawBufferPointer, _ offset: Int) -> UInt64 {
        bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self)
    }
}
