/// A fast 64-bit hash of bytes, for counting and finding again within this process: seeded anew each time, so that nobody
/// outside can choose bytes that meet. Not for security, and never to be stored.
@frozen
package struct ByteHash: Sendable {
    // They hide both factors of each product: none can be made 0 from outside.
    @usableFromInline let first: UInt64
    @usableFromInline let second: UInt64

    package init() {
        self.init(seed: .random(in: .min ... .max))
    }

    init(seed: UInt64) {
        first = seed
        second = Self.mixed(seed ^ 0x9E37_79B9_7F4A_7C15)
    }

    /// Keys are short: up to 32 bytes are read without a loop, some of them twice.
    @inlinable
    @inline(__always)
    package func of(_ bytes: UnsafeRawBufferPointer) -> UInt64 {
        let count = bytes.count
        var state = first ^ UInt64(truncatingIfNeeded: count)
        guard count >= 8 else {
            var word: UInt64 = 0
            for byte in bytes { word = word << 8 | UInt64(byte) }
            return Self.mixed(Self.fold(word ^ state, second))
        }
        guard count > 16 else { return last(bytes, from: 0, state) }
        var offset = 0
        repeat {
            state = Self.fold(Self.word(bytes, offset) ^ state, Self.word(bytes, offset &+ 8) ^ second)
            offset &+= 16
        } while offset &+ 16 < count
        return last(bytes, from: count &- 16, state)
    }

    @inlinable
    @inline(__always)
    func last(_ bytes: UnsafeRawBufferPointer, from offset: Int, _ state: UInt64) -> UInt64 {
        Self.mixed(Self.fold(Self.word(bytes, offset) ^ state, Self.word(bytes, bytes.count &- 8) ^ second))
    }

    @inlinable
    @inline(__always)
    static func word(_ bytes: UnsafeRawBufferPointer, _ offset: Int) -> UInt64 {
        bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self)
    }

    /// Both halves of the product: what stands high in the input reaches what stands low in the result.
    @inlinable
    @inline(__always)
    static func fold(_ a: UInt64, _ b: UInt64) -> UInt64 {
        let product = a.multipliedFullWidth(by: b)
        return product.high ^ product.low
    }

    /// Lets each bit of the input turn half of the bits of the result: the finaliser of SplitMix64 (Steele et al., 2014).
    @inlinable
    @inline(__always)
    static func mixed(_ value: UInt64) -> UInt64 {
        let first = (value ^ value >> 30) &* 0xBF58_476D_1CE4_E5B9
        let second = (first ^ first >> 27) &* 0x94D0_49BB_1331_11EB
        return second ^ second >> 31
    }
}
