#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// From the bytes of a channel name to its index, without making a string: called for each envelope.
struct ChannelTable {
    private let names: [[UInt8]]
    /// Open addressing, a power of two in size, at most half full; -1 is free.
    private let slots: [Int32]
    /// Most messages in a row are of one channel.
    private var lastHit = 0

    init(_ channels: [String]) {
        names = channels.map { Array($0.utf8) }
        var size = 4
        while size < names.count * 2 { size *= 2 }
        var slots = [Int32](repeating: -1, count: size)
        for (index, name) in names.enumerated() {
            var slot = name.withUnsafeBytes { Self.hash($0) } & (size - 1)
            while slots[slot] >= 0 { slot = (slot + 1) & (size - 1) }
            slots[slot] = Int32(index)
        }
        self.slots = slots
    }

    /// The index in the list given to `init`, or nil for a channel that is not in it.
    mutating func index(of name: UnsafeRawBufferPointer) -> Int? {
        if lastHit < names.count, equals(lastHit, name) { return lastHit }
        var slot = Self.hash(name) & (slots.count - 1)
        while slots[slot] >= 0 {
            let candidate = Int(slots[slot])
            if equals(candidate, name) {
                lastHit = candidate
                return candidate
            }
            slot = (slot + 1) & (slots.count - 1)
        }
        return nil
    }

    private func equals(_ index: Int, _ name: UnsafeRawBufferPointer) -> Bool {
        names[index].withUnsafeBytes { candidate in
            guard candidate.count == name.count else { return false }
            guard let left = candidate.baseAddress, let right = name.baseAddress else { return true }
            return memcmp(left, right, name.count) == 0
        }
    }

    /// FNV-1a.
    private static func hash(_ bytes: UnsafeRawBufferPointer) -> Int {
        var hash: UInt64 = 0xCBF2_9CE4_8422_2325
        for byte in bytes { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3 }
        return Int(truncatingIfNeeded: (hash ^ (hash >> 32)) & 0x7FFF_FFFF)
    }
}
