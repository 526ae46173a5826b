import MCAP

/// The segment being written: its file, its encoder, and the contents of its `capture.end`.
final class OpenSegment {
    /// Maximum missing ranges in `capture.end`; the events have all of them.
    private static let listedRanges = 1_000

    let file: SegmentFile
    /// On the monotonic clock.
    let openedAt: UInt64
    var writer: MCAPWriter
    /// Written envelopes by channel index, without ids.
    private(set) var tallies: [ChannelTally]
    private(set) var firstIDs: [UInt64?]
    private var ledger = ChunkLedger()
    /// Events about missing ids, with the end of the chunk that contains them.
    private var notes: [(end: UInt64, event: CaptureEvent)] = []
    private(set) var missing: [CaptureMetadata.MissingRange] = []
    private(set) var missingTruncated = false

    init(file: SegmentFile, openedAt: UInt64, writer: consuming MCAPWriter, channels: Int) {
        self.file = file
        self.openedAt = openedAt
        self.writer = writer
        tallies = Array(repeating: ChannelTally(), count: channels)
        firstIDs = Array(repeating: nil, count: channels)
    }

    /// The chunk was written.
    ///
    /// - Parameters:
    ///   - chunk: by channel index.
    ///   - events: the chunk's events about missing ids.
    func committed(_ chunk: [ChannelTally], events: [CaptureEvent]) {
        let end = writer.lastChunkEnd
        ledger.add(end: end, tallies: chunk)
        for (index, tally) in chunk.enumerated() where tally.envelopes > 0 {
            tallies[index].envelopes += tally.envelopes
            tallies[index].bytes += tally.bytes
            firstIDs[index] = firstIDs[index] ?? tally.firstID
        }
        for event in events where event.namesMissingIDs {
            note(event)
            if notes.count < Self.listedRanges { notes.append((end, event)) }
        }
    }

    /// What is lost if the file is cut to this size: envelopes, and events about missing ids.
    func lost(behind size: UInt64) -> (envelopes: [ChannelTally], events: [CaptureEvent]) {
        (
            ledger.lost(behind: size, channels: tallies.count),
            notes.filter { $0.end > size }.map(\.event)
        )
    }

    var holdsEnvelopes: Bool { tallies.contains { $0.envelopes > 0 } }

    /// Total of all channels, without ids.
    var total: ChannelTally {
        var total = ChannelTally()
        for tally in tallies {
            total.envelopes += tally.envelopes
            total.bytes += tally.bytes
        }
        return total
    }

    /// Notes the ids that an event reports missing.
    private func note(_ event: CaptureEvent) {
        guard event.namesMissingIDs, let channel = event.channel, let from = event.from, let to = event.to else {
            return
        }
        if missing.count < Self.listedRanges {
            missing.append(CaptureMetadata.MissingRange(channel: channel, from: from, to: to))
        } else {
            missingTruncated = true
        }
    }

    /// Writes the encoder's output. After a failure the file is truncated to its previous end, if the disk allows it.
    ///
    /// - Returns: growth of the file in bytes.
    func writeEncoded() throws(CaptureError) -> Int {
        let before = writer.fileSize
        do {
            try file.write(writer.output, at: writer.outputOffset)
        } catch {
            writer.discard()
            if before > 0 {
                try? file.write(writer.trailer, at: writer.trailerOffset)
                try? file.truncate(to: before)
            }
            throw error
        }
        writer.commit()
        return Int(writer.fileSize - before)
    }
}

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

/// What was recorded or lost of one Redis channel, for a chunk, a segment or an outage.
///
/// Ids are exact ranges: a run continues until ``breakRun()`` marks the next id as not contiguous.
package struct ChannelTally: Sendable, Equatable {
    /// Maximum number of ranges; beyond it the last one is extended over the ids in between.
    static let rangeLimit = 1_000

    /// All envelopes, including those without an id.
    package var envelopes = 0
    /// Payload bytes.
    package var bytes = 0
    @usableFromInline
    var last: UInt64?
    /// nil without an envelope that has an id.
    package var lastID: UInt64? { last }
    @usableFromInline
    var runStart: UInt64?
    private var ended: [ClosedRange<UInt64>] = []

    /// Nothing recorded yet.
    package init() {}

    /// - Parameters:
    ///   - id: nil for a payload without one.
    ///   - count: bytes of the payload.
    @inlinable
    package mutating func add(id: UInt64?, bytes count: Int) {
        envelopes &+= 1
        bytes &+= count
        guard let id else { return }
        if runStart == nil { runStart = id }
        last = id
    }

    /// The next id is not contiguous.
    package mutating func breakRun() {
        guard let runStart, let lastID else { return }
        self.runStart = nil
        Self.append(min(runStart, lastID)...max(runStart, lastID), to: &ended)
    }

    /// Adds a later tally of the same channel.
    package mutating func add(_ later: ChannelTally) {
        envelopes += later.envelopes
        bytes += later.bytes
        breakRun()
        for range in later.ids { Self.append(range, to: &ended) }
        last = later.last ?? last
    }

    /// The ids in order of arrival; contiguous ranges are merged.
    package var ids: [ClosedRange<UInt64>] {
        var all = self
        all.breakRun()
        return all.ended
    }

    /// Upper bound for the number of ranges in ``ids``.
    var rangeCount: Int { ended.count + (runStart == nil ? 0 : 1) }

    /// nil without an envelope that has an id.
    package var firstID: UInt64? { ended.first?.lowerBound ?? runStart }

    private static func append(_ range: ClosedRange<UInt64>, to ranges: inout [ClosedRange<UInt64>]) {
        guard let last = ranges.last else { return ranges.append(range) }
        let next = last.upperBound == .max ? last.upperBound : last.upperBound + 1
        let follows = (last.lowerBound...next).contains(range.lowerBound)
        if follows || ranges.count >= rangeLimit {
            ranges[ranges.count - 1] =
                min(last.lowerBound, range.lowerBound)...max(last.upperBound, range.upperBound)
        } else {
            ranges.append(range)
        }
    }
}
