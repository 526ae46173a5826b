#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// Compares the message index records that follow a chunk with its messages.
struct MessageIndexCheck {
    /// Nil if the chunk could not be read.
    let chunk: DecodedChunk?
    /// Index of the chunk's entry in the damage list: the message indexes show how many messages are lost.
    let damage: Int?
    private(set) var seen: Set<UInt16> = []
    /// Entries of all message indexes seen.
    private(set) var entryCount = 0

    init(of chunk: DecodedChunk) {
        self.chunk = chunk
        damage = nil
    }

    init(ofLostChunk damage: Int?) {
        chunk = nil
        self.damage = damage
    }

    /// Channels with messages in the chunk but without a message index so far, ascending.
    var missing: [UInt16] {
        guard let chunk else { return [] }
        return chunk.channels.keys.filter { !seen.contains($0) }.sorted()
    }

    /// Adds one message index record.
    ///
    /// - Returns: the channel, and whether the index matches the chunk.
    mutating func add(
        _ content: UnsafeRawBufferPointer, allowingExtension: Bool
    ) throws(MalformedRecord) -> (channelID: UInt16, fits: Bool) {
        var cursor = ByteCursor(content)
        let channelID = try cursor.integer(UInt16.self, "channel_id")
        let entries = try cursor.take(UInt64(cursor.integer(UInt32.self, "records")), "records")
        try cursor.finish(allowingExtension: allowingExtension)
        guard entries.count.isMultiple(of: Layout.messageIndexEntry) else { throw MalformedRecord(field: "records") }
        let isFirst = seen.insert(channelID).inserted
        entryCount += entries.count / Layout.messageIndexEntry
        guard let chunk else { return (channelID, true) }
        let slot = chunk.messageIndexes.slot(of: channelID)
        let fits = slot >= 0 ? Self.same(entries, chunk.messageIndexes.entries(ofSlot: slot)) : entries.isEmpty
        return (channelID, isFirst && fits)
    }

    /// Other programs may sort entries by time instead of position.
    private static func same(_ one: UnsafeRawBufferPointer, _ other: UnsafeRawBufferPointer) -> Bool {
        guard one.count == other.count, let first = one.baseAddress, let second = other.baseAddress else {
            return one.count == other.count
        }
        return memcmp(first, second, one.count) == 0 || sorted(one) == sorted(other)
    }

    private struct Entry: Comparable {
        let logTime: UInt64
        let offset: UInt64

        static func < (one: Entry, other: Entry) -> Bool {
            (one.offset, one.logTime) < (other.offset, other.logTime)
        }
    }

    private static func sorted(_ entries: UnsafeRawBufferPointer) -> [Entry] {
        stride(from: 0, to: entries.count, by: Layout.messageIndexEntry).map {
            Entry(
                logTime: UInt64(littleEndian: entries.loadUnaligned(fromByteOffset: $0, as: UInt64.self)),
                offset: UInt64(littleEndian: entries.loadUnaligned(fromByteOffset: $0 + 8, as: UInt64.self)))
        }.sorted()
    }
}
