/// Where the chunks of the open segment end, and which ids are in each: what says what is gone when the file is cut.
///
/// Bounded: beyond the limit neighbouring chunks become one, and a cut inside of such a one counts all of it as lost.
struct ChunkLedger {
    struct Entry {
        /// Behind the chunk's record, in bytes from the start of the file: a file as long as this still holds it.
        var end: UInt64
        var channel: Int
        var tally: ChannelTally
    }

    static let limit = 16_384
    /// Ranges of ids in all entries together: many per chunk where something else moves the counter.
    static let rangeLimit = 65_536

    private let limit: Int
    private let rangeLimit: Int
    private(set) var entries: [Entry] = []
    private(set) var rangeCount = 0

    init(limit: Int = ChunkLedger.limit, rangeLimit: Int = ChunkLedger.rangeLimit) {
        precondition(limit > 1 && rangeLimit > 1)
        self.limit = limit
        self.rangeLimit = rangeLimit
    }

    /// - Parameter tallies: of the chunk, by channel index.
    mutating func add(end: UInt64, tallies: [ChannelTally]) {
        for (channel, tally) in tallies.enumerated() where tally.envelopes > 0 {
            entries.append(Entry(end: end, channel: channel, tally: tally))
            rangeCount += tally.rangeCount
        }
        while entries.count > limit || rangeCount > rangeLimit {
            let before = entries.count
            coalesce()
            // One for each channel is the least.
            if entries.count == before { return }
        }
    }

    /// What is gone from a file that has this many bytes left, by channel index.
    func lost(behind size: UInt64, channels: Int) -> [ChannelTally] {
        var lost = Array(repeating: ChannelTally(), count: channels)
        for entry in entries where entry.end > size { lost[entry.channel].add(entry.tally) }
        return lost
    }

    /// Puts each entry together with the next one of its channel.
    private mutating func coalesce() {
        var merged: [Entry] = []
        merged.reserveCapacity(entries.count)
        // By channel: where its last entry stands that has no other with it yet.
        let channelCount = (entries.lazy.map(\.channel).max() ?? -1) + 1
        var waiting = [Int?](repeating: nil, count: channelCount)
        for entry in entries {
            if let index = waiting[entry.channel] {
                merged[index].tally.add(entry.tally)
                merged[index].end = entry.end
                waiting[entry.channel] = nil
            } else {
                waiting[entry.channel] = merged.count
                merged.append(entry)
            }
        }
        entries = merged
        rangeCount = merged.reduce(0) { $0 + $1.tally.rangeCount }
    }
}
