/// A fast 64-bit hash for counting and lookup within this process, seeded randomly so that collisions cannot be chosen
/// from outside. Not for security; never store it.
@frozen
package struct ByteHash: Sendable {
    // They hide both factors of each product: neither can be forced to 0 from outside.
    @usableFromInline let first: UInt64
    @usableFromInline let second: UInt64

    /// With a new random seed: hashes of two instances are not comparable.
    package init() {
        self.init(seed: .random(in: .min ... .max))
    }

    init(seed: UInt64) {
        first = seed
        second = Self.mixed(seed ^ 0x9E37_79B9_7F4A_7C15)
    }

    /// Keys are short: up to 32 bytes are read without a loop, partly twice.
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

    /// Folds both halves of the product, so that high input bits affect low result bits.
    @inlinable
    @inline(__always)
    static func fold(_ a: UInt64, _ b: UInt64) -> UInt64 {
        let product = a.multipliedFullWidth(by: b)
        return product.high ^ product.low
    }

    /// Diffuses each input bit over the result: the finaliser of SplitMix64 (Steele et al., 2014).
    @inlinable
    @inline(__always)
    static func mixed(_ value: UInt64) -> UInt64 {
        let first = (value ^ value >> 30) &* 0xBF58_476D_1CE4_E5B9
        let second = (first ^ first >> 27) &* 0x94D0_49BB_1331_11EB
        return second ^ second >> 31
    }
}
