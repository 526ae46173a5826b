/// A fast 64-bit hash of bytes, for counting and finding again within this process: seeded anew in each, so that nobody
/// outside can choose bytes that meet. Not for security, and never to be stored.
public enum ByteHash {
    /// Hides both factors of each product: none can be made 0 from outside.
    struct Seed: Sendable {
        let first: UInt64
        let second: UInt64

        init(_ number: UInt64) {
            first = number
            second = mixed(number ^ 0x9E37_79B9_7F4A_7C15)
        }
    }

    private static let seed = Seed(.random(in: .min ... .max))

    @inline(__always)
    public static func of(_ bytes: UnsafeRawBufferPointer) -> UInt64 { of(bytes, seed: seed) }

    /// Keys are short: up to 32 bytes are read without a loop, some of them twice.
    @inline(__always)
    static func of(_ bytes: UnsafeRawBufferPointer, seed: Seed) -> UInt64 {
        let count = bytes.count
        let (first, second) = (seed.first ^ UInt64(truncatingIfNeeded: count), seed.second)
        guard count >= 8 else {
            var word: UInt64 = 0
            for byte in bytes { word = word << 8 | UInt64(byte) }
            return mixed(fold(word ^ first, second))
        }
        guard count > 16 else { return mixed(fold(word(bytes, 0) ^ first, word(bytes, count &- 8) ^ second)) }
        var state = first
        var offset = 0
        repeat {
            state = fold(word(bytes, offset) ^ state, word(bytes, offset &+ 8) ^ second)
            offset &+= 16
        } while offset &+ 16 < count
        return mixed(fold(word(bytes, count &- 16) ^ state, word(bytes, count &- 8) ^ second))
    }

    @inline(__always)
    private static func word(_ bytes: UnsafeRawBufferPointer, _ offset: Int) -> UInt64 {
        bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self)
    }

    /// Both halves of the product: what stands high in the input reaches what stands low in the result.
    @inline(__always)
    private static func fold(_ a: UInt64, _ b: UInt64) -> UInt64 {
        let product = a.multipliedFullWidth(by: b)
        return product.high ^ product.low
    }

    /// Lets each bit of the input turn half of the bits of the result: the finaliser of SplitMix64 (Steele et al., 2014).
    @inline(__always)
    fileprivate static func mixed(_ value: UInt64) -> UInt64 {
        let first = (value ^ value >> 30) &* 0xBF58_476D_1CE4_E5B9
        let second = (first ^ first >> 27) &* 0x94D0_49BB_1331_11EB
        return second ^ second >> 31
    }
}
