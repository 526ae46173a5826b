import MCAP

/// The segment under way: its file, its encoder, and what its `capture.end` will say.
final class OpenSegment {
    /// Missing ranges listed in `capture.end`; the events hold all.
    private static let listedRanges = 1_000

    let file: SegmentFile
    /// On the monotonic clock.
    let openedAt: UInt64
    var writer: MCAPWriter
    /// What is written, by channel index, without ids.
    private(set) var tallies: [ChannelTally]
    private(set) var firstIDs: [UInt64?]
    private var ledger = ChunkLedger()
    /// Events that say what is missing, and where the chunk that holds them ends.
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

    /// The chunk is in the file.
    ///
    /// - Parameters:
    ///   - chunk: by channel index.
    ///   - events: those of the chunk that say which ids are missing.
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

    /// What is gone if only so many bytes of the file are left: envelopes, and what its events said of missing ids.
    func lost(behind size: UInt64) -> (envelopes: [ChannelTally], events: [CaptureEvent]) {
        (
            ledger.lost(behind: size, channels: tallies.count),
            notes.filter { $0.end > size }.map(\.event)
        )
    }

    var holdsEnvelopes: Bool { tallies.contains { $0.envelopes > 0 } }

    /// Of all channels, without ids.
    var total: ChannelTally {
        var total = ChannelTally()
        for tally in tallies {
            total.envelopes += tally.envelopes
            total.bytes += tally.bytes
        }
        return total
    }

    /// Remembers the ids that an event says are missing.
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

    /// Writes what the encoder holds. After a failure the file again ends as it did before, as far as the disk lets us.
    ///
    /// - Returns: bytes by which the file grew.
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
