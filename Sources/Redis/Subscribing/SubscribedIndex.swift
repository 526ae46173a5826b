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

    fileprivate static func begins(_ name: UnsafeRawBufferPointer, with beginning: [UInt8]) -> Bool {
        guard name.count >= beginning.count else { return false }
        return beginning.withUnsafeBytes { beginning in
            for index in 0..<beginning.count where name[index] != beginning[index] { return false }
            return true
        }
    }
}
