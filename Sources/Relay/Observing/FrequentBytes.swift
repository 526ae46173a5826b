#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// Remembers one short run of bytes that comes often, so that looking at it closely can be spared.
///
/// It takes up the one that comes at each 16th miss: soon the most frequent, at little cost where none is.
struct FrequentBytes {
    private static let longest = 64
    private static let missesUntilReplaced = 16

    private var bytes = [UInt8](repeating: 0, count: longest)
    /// 0: nothing is remembered.
    private var count = 0
    private var misses = 0

    @inline(__always)
    func equal(_ other: UnsafeRawBufferPointer) -> Bool {
        other.count == count && begin(other)
    }

    /// Whether `other` begins with what is remembered.
    @inline(__always)
    func begin(_ other: UnsafeRawBufferPointer) -> Bool {
        guard count > 0, other.count >= count, let base = other.baseAddress else { return false }
        return bytes.withUnsafeBufferPointer { memcmp(base, $0.baseAddress!, count) == 0 }
    }

    /// Takes note of others than those remembered.
    ///
    /// - Returns: true if they are remembered now.
    @inline(__always)
    mutating func missed(_ other: UnsafeRawBufferPointer) -> Bool {
        misses &+= 1
        guard misses >= Self.missesUntilReplaced || count == 0 else { return false }
        return replace(by: other)
    }

    private mutating func replace(by other: UnsafeRawBufferPointer) -> Bool {
        guard !other.isEmpty, other.count <= Self.longest else { return false }
        misses = 0
        bytes.withUnsafeMutableBytes { $0.copyMemory(from: other) }
        count = other.count
        return true
    }

    mutating func forget() {
        count = 0
    }
}
