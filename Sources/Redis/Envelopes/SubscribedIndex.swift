#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// Maps the channel or pattern of a message to its subscriber. Called for each message; creates no string and no array.
struct SubscribedIndex: ~Copyable {
    /// The destination of a message.
    struct Place {
        /// As in ``EnvelopeBatch``.
        let channel: Int
        let keepsName: Bool
    }

    /// Channels matched by a pattern that belong to a more specific name.
    private struct Exception {
        let bytes: [UInt8]
        /// Whether it is the whole channel, or its start.
        let isWhole: Bool

        func holds(for channel: UnsafeRawBufferPointer) -> Bool {
            (!isWhole || channel.count == bytes.count) && SubscribedIndex.begins(channel, with: bytes)
        }
    }

    private var channels: NameIndex
    private var patterns: NameIndex
    private let places: [Place]
    private let patternPlaces: [Place]
    /// By pattern: the required start of a channel.
    private let beginnings: [[UInt8]]
    /// By pattern; nil if the required start decides alone.
    private let globs: [ChannelGlob?]
    /// By pattern.
    private let exceptions: [[Exception]]
    private let hasExceptions: Bool

    init(_ names: [SubscribedName]) {
        let (patterns, channels) = (names.filter(\.key.isPattern), names.filter { !$0.key.isPattern })
        self.channels = NameIndex(channels.map(\.key.name))
        self.patterns = NameIndex(patterns.map(\.key.name))
        places = channels.map { Place(channel: $0.channel, keepsName: $0.keepsName) }
        patternPlaces = patterns.map { Place(channel: $0.channel, keepsName: $0.keepsName) }
        beginnings = patterns.map(\.beginning)
        globs = patterns.map { pattern in
            let glob = ChannelGlob(pattern.key.name)
            return glob.prefix == pattern.beginning ? nil : glob
        }
        exceptions = patterns.map { pattern in
            names.filter { $0.channel != pattern.channel }
                .map { Exception(bytes: $0.key.isPattern ? $0.beginning : $0.key.name, isWhole: !$0.key.isPattern) }
                .filter { $0.bytes.count > pattern.beginning.count && $0.bytes.starts(with: pattern.beginning) }
        }
        hasExceptions = exceptions.contains { !$0.isEmpty }
    }

    mutating func place(ofChannel name: UnsafeRawBufferPointer) -> Place? {
        channels.index(of: name).map { places[$0] }
    }

    /// The number of a pattern, for ``place(ofPattern:channel:)``.
    mutating func pattern(_ name: UnsafeRawBufferPointer) -> Int? { patterns.index(of: name) }

    /// - Returns: nil for a channel that the pattern matches unintentionally.
    func place(ofPattern pattern: Int, channel: UnsafeRawBufferPointer) -> Place? {
        guard Self.begins(channel, with: beginnings[pattern]) else { return nil }
        if hasExceptions, exceptions[pattern].contains(where: { $0.holds(for: channel) }) { return nil }
        return patternPlaces[pattern]
    }

    /// The destination of a message that no server has matched to a subscription: that of the channel itself, or of
    /// the first pattern that matches it intentionally.
    mutating func place(ofPublished channel: UnsafeRawBufferPointer) -> Place? {
        if let place = place(ofChannel: channel) { return place }
        for pattern in globs.indices where globs[pattern]?.matches(channel) ?? true {
            if let place = place(ofPattern: pattern, channel: channel) { return place }
        }
        return nil
    }

    fileprivate static func begins(_ name: UnsafeRawBufferPointer, with beginning: [UInt8]) -> Bool {
        guard name.count >= beginning.count else { return false }
        return beginning.withUnsafeBytes { beginning in
            for index in 0..<beginning.count where name[index] != beginning[index] { return false }
            return true
        }
    }
}

/// Maps the bytes of a name to its index without creating a string: called for each envelope.
///
/// `~Copyable`: it owns the memory of the names. Arrays would be retained at each comparison, which costs more than the
/// comparison.
struct NameIndex: ~Copyable {
    /// All names, concatenated.
    private let names: UnsafeMutableRawBufferPointer
    /// Start of each name, and the end of the last.
    private let offsets: [Int]
    /// Open addressing, a power of two in size, at most half full; -1 is free.
    private let slots: [Int32]
    /// Consecutive messages are mostly of one name.
    private var lastHit = 0

    init(_ list: [[UInt8]]) {
        names = .allocate(byteCount: list.reduce(0) { $0 + $1.count }, alignment: 1)
        names.copyBytes(from: list.lazy.joined())
        var offsets = [0]
        var size = 4
        while size < list.count * 2 { size *= 2 }
        var slots = [Int32](repeating: -1, count: size)
        for (index, bytes) in list.enumerated() {
            let name = UnsafeRawBufferPointer(rebasing: names[offsets[index]..<offsets[index] + bytes.count])
            offsets.append(offsets[index] + name.count)
            var slot = Self.hash(name) & (size - 1)
            while slots[slot] >= 0 { slot = (slot + 1) & (size - 1) }
            slots[slot] = Int32(index)
        }
        self.offsets = offsets
        self.slots = slots
    }

    deinit { names.deallocate() }

    /// The index in the list given to `init`, or nil for a name that is not in it.
    mutating func index(of name: UnsafeRawBufferPointer) -> Int? {
        if lastHit < offsets.count - 1, equals(lastHit, name) { return lastHit }
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
        let offset = offsets[index]
        guard offsets[index + 1] - offset == name.count else { return false }
        guard let names = names.baseAddress, let other = name.baseAddress else { return true }
        return memcmp(names + offset, other, name.count) == 0
    }

    /// FNV-1a over eight-byte words, because names of hubs are long.
    private static func hash(_ bytes: UnsafeRawBufferPointer) -> Int {
        var hash: UInt64 = 0xCBF2_9CE4_8422_2325
        var index = 0
        while index &+ 8 <= bytes.count {
            hash = (hash ^ bytes.loadUnaligned(fromByteOffset: index, as: UInt64.self)) &* 0x100_0000_01B3
            hash ^= hash >> 29
            index &+= 8
        }
        while index < bytes.count {
            hash = (hash ^ UInt64(bytes[index])) &* 0x100_0000_01B3
            index &+= 1
        }
        hash ^= hash >> 32
        return Int(truncatingIfNeeded: (hash ^ (hash >> 15)) & 0x7FFF_FFFF)
    }
}
