/// A fast 64-bit hash of bytes, for counting and finding again within this process: seeded anew in each, so that nobody
/// outside can choose bytes that meet. Not for security, and never to be stored.
public enum ByteHash {
    private static let seed = UInt64.random(in: .min ... .max)
    private static let factor: UInt64 = 0x9E37_79B9_7F4A_7C15
    private static let tailFactor: UInt64 = 0xE703_7ED1_A0B4_28DB

    /// Eight bytes at a time; two texts of different length with the same words differ by the length.
    @inline(__always)
    public static func of(_ bytes: UnsafeRawBufferPointer) -> UInt64 {
        guard let base = bytes.baseAddress else { return fold(seed, factor) }
        var state = seed ^ UInt64(truncatingIfNeeded: bytes.count)
        var offset = 0
        while offset &+ 8 <= bytes.count {
            state = fold(state ^ base.loadUnaligned(fromByteOffset: offset, as: UInt64.self), factor)
            offset &+= 8
        }
        var tail: UInt64 = 0
        while offset < bytes.count {
            tail = tail << 8 | UInt64(base.load(fromByteOffset: offset, as: UInt8.self))
            offset &+= 1
        }
        return fold(state ^ tail, tailFactor)
    }

    /// Both halves of the product, so that each bit of the input reaches each bit of the result.
    @inline(__always)
    private static func fold(_ a: UInt64, _ b: UInt64) -> UInt64 {
        let product = (a ^ seed.byteSwapped).multipliedFullWidth(by: b)
        return product.high ^ product.low
    }
}
