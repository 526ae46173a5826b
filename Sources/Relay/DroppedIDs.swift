import Capture
import Redis
import Backplane

/// The ids of envelopes that the intake refused, by channel, in the order in which they came.
struct DroppedIDs: Sendable {
    private var tallies: [Int: ChannelTally] = [:]

    mutating func add(_ batch: EnvelopeBatch) {
        batch.forEach { channel, _, payload in
            guard let id = try? EnvelopeID.parse(payload).id else { return }
            var tally = tallies[channel] ?? ChannelTally()
            if let last = tally.lastID, last == .max || id != last + 1 { tally.breakRun() }
            tally.add(id: id, bytes: payload.count)
            tallies[channel] = tally
        }
    }

    /// Ranges of consecutive ids by channel index, the channels in order.
    var ranges: [(channel: Int, ids: [ClosedRange<UInt64>])] {
        tallies.sorted { $0.key < $1.key }.map { ($0.key, $0.value.ids) }
    }
}
