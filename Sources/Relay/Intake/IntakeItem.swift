import Backplane
import Capture
import Redis

/// Events of the subscription, in order: batches, and connection events between them.
enum IntakeItem: Sendable {
    case batch(EnvelopeBatch)
    case subscribed(Subscription)
    case disconnected(DisconnectCause)
    /// Envelopes were refused at this point of the stream, because the intake was full.
    case dropped(envelopes: Int, bytes: Int, ids: DroppedIDs)
    /// A large payload was not kept, because there was no room.
    case skipped(SkippedPayload)
    /// The values of the counters: ids assigned by then and not in the stream before this point will not arrive.
    case counters(CounterReadings)
    /// A command for the recorder at this point of the stream.
    case command(RecorderCommand)
}

/// The ids of envelopes refused by the intake, by channel, in order of arrival.
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

    /// Ranges of consecutive ids by channel index, channels in order.
    var ranges: [(channel: Int, ids: [ClosedRange<UInt64>])] {
        tallies.sorted { $0.key < $1.key }.map { ($0.key, $0.value.ids) }
    }
}

/// The result of reading a channel's counter.
enum CounterReading: Sendable, Equatable {
    /// The last id assigned.
    case value(UInt64)
    case unreadable(RecordingDoubt.Reason)
}

/// A reading of all counters, in its place in the stream.
struct CounterReadings: Sendable {
    /// By channel index.
    var counters: [CounterReading]
    /// True if everything that Redis had sent when the counters were read precedes this in the stream; otherwise the
    /// rest will never arrive.
    var isFenced: Bool
    /// The relay is stopping.
    var isLast: Bool
}

/// Commands for the recorder from other threads, through the ``Intake``.
enum RecorderCommand: Sendable, Equatable {
    /// Close the segment and start the next one.
    case rotate
    /// Write pending data and force it to the disk.
    case flush
    /// Disk space is low: record nothing until ``resume(free:)``. With the free bytes.
    case pause(free: UInt64)
    case resume(free: UInt64)
    /// For the capture and other consumers of events.
    case note(CaptureEvent)
    /// Envelopes of these channels may arrive from now on: indexes in ``AttachedChannels``.
    case attach(Range<Int>)
    /// The same for a hub that was left before; by channel index.
    case reattach(Int)
    /// Envelopes of this channel are received from here on; by channel index.
    case joined(Int)
    /// Envelopes of this hub are no longer received from here on; by channel index.
    case left(Int)
    /// Something happened to the replica subscribed to.
    case replica(ReplicaNews)
    /// Something happened to the link to the replication stream.
    case tap(TapNews)
    /// Counters in different databases are at both ends of this jump of ids; by channel index.
    case areCounters(CaptureEvent.Withdrawn, channel: Int)
}
