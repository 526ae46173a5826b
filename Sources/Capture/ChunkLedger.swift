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

    private let limit: Int
    private(set) var entries: [Entry] = []

    init(limit: Int = ChunkLedger.limit) {
        precondition(limit > 1)
        self.limit = limit
    }

    /// - Parameter tallies: of the chunk, by channel index.
    mutating func add(end: UInt64, tallies: [ChannelTally]) {
        for (channel, tally) in tallies.enumerated() where tally.envelopes > 0 {
            entries.append(Entry(end: end, channel: channel, tally: tally))
        }
        if entries.count > limit { coalesce() }
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
        var waiting: [Int: Int] = [:]
        for entry in entries {
            if let index = waiting.removeValue(forKey: entry.channel) {
                merged[index].tally.add(entry.tally)
                merged[index].end = entry.end
            } else {
                waiting[entry.channel] = merged.count
                merged.append(entry)
            }
        }
        entries = merged
    }
}
