/// A fast 64-bit hash of bytes, for counting and finding again within this process: seeded anew in each, so that nobody
/// outside can choose bytes that meet. Not for security, and never to be stored.
public enum ByteHash {
    private static let seed = UInt64.random(in: .min ... .max)
    private static let factor: UInt64 = 0x9E37_79B9_7F4A_7C15

    @inline(__always)
    public static func of(_ bytes: UnsafeRawBufferPointer) -> UInt64 { of(bytes, seed: seed) }

    /// Eight bytes at a time; two texts of different length with the same words differ by the length.
    @inline(__always)
    static func of(_ bytes: UnsafeRawBufferPointer, seed: UInt64) -> UInt64 {
        guard let base = bytes.baseAddress else { return mixed(seed) }
        var state = seed ^ UInt64(truncatingIfNeeded: bytes.count)
        var offset = 0
        while offset &+ 8 <= bytes.count {
            state = fold(state ^ base.loadUnaligned(fromByteOffset: offset, as: UInt64.self), factor)
            offset &+= 8
        }
        var tail: UInt64 = 0
        if offset < bytes.count {
            if bytes.count >= 8 {
                // Some of them once more: cheaper than one at a time.
                tail = base.loadUnaligned(fromByteOffset: bytes.count &- 8, as: UInt64.self)
            } else {
                for byte in bytes { tail = tail << 8 | UInt64(byte) }
            }
        }
        return mixed(fold(state ^ tail, factor))
    }

    /// Both halves of the product: what stands high in the input reaches what stands low in the result.
    @inline(__always)
    private static func fold(_ a: UInt64, _ b: UInt64) -> UInt64 {
        let product = a.multipliedFullWidth(by: b)
        return product.high ^ product.low
    }

    /// Lets each bit of the input turn half of the bits of the result: the finaliser of SplitMix64 (Steele et al., 2014).
    @inline(__always)
    private static func mixed(_ value: UInt64) -> UInt64 {
        let first = (value ^ value >> 30) &* 0xBF58_476D_1CE4_E5B9
        let second = (first ^ first >> 27) &* 0x94D0_49BB_1331_11EB
        return second ^ second >> 31
    }
}
