import MCAP

/// The segment under way: its file, its encoder, and what its `capture.end` will say.
final class OpenSegment {
    /// Missing ranges listed in `capture.end`; the events hold all.
    private static let listedRanges = 1_000

    let file: SegmentFile
    /// On the monotonic clock.
    let openedAt: UInt64
    var writer: MCAPWriter
    /// What is written, by channel index.
    var tallies: [ChannelTally]
    private(set) var missing: [CaptureMetadata.MissingRange] = []
    private(set) var missingTruncated = false

    init(file: SegmentFile, openedAt: UInt64, writer: consuming MCAPWriter, channels: Int) {
        self.file = file
        self.openedAt = openedAt
        self.writer = writer
        tallies = Array(repeating: ChannelTally(), count: channels)
    }

    var holdsEnvelopes: Bool { tallies.contains { $0.envelopes > 0 } }

    /// Of all channels; its ids mean nothing.
    var total: ChannelTally {
        var total = ChannelTally()
        for tally in tallies { total.add(tally) }
        return total
    }

    /// Remembers the ids that an event says are missing.
    func note(_ event: CaptureEvent) {
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
