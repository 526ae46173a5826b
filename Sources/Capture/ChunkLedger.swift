/// Where each chunk of the open segment ends, and its ids: the source for what is lost when the file is cut.
///
/// Bounded: beyond the limit adjacent chunks are merged, and a cut inside a merged entry counts all of it as lost.
struct ChunkLedger {
    struct Entry {
        /// End of the chunk's record, in bytes from the start of the file: a file of this length still contains it.
        var end: UInt64
        var channel: Int
        var tally: ChannelTally
    }

    static let limit = 16_384
    /// Limit of id ranges over all entries: there are many per chunk if something else moves the counter.
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
            // One entry per channel is the minimum.
            if entries.count == before { return }
        }
    }

    /// What is lost from a file cut to this size, by channel index.
    func lost(behind size: UInt64, channels: Int) -> [ChannelTally] {
        var lost = Array(repeating: ChannelTally(), count: channels)
        for entry in entries where entry.end > size { lost[entry.channel].add(entry.tally) }
        return lost
    }

    /// Merges each entry with the next one of its channel.
    private mutating func coalesce() {
        var merged: [Entry] = []
        merged.reserveCapacity(entries.count)
        // By channel: its last entry that is not merged yet.
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
