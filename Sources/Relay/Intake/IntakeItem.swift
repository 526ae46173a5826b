import Backplane
import Capture
import Redis

/// What happened on the subscription, in order: batches, and what befell the connection between them.
enum IntakeItem: Sendable {
    case batch(EnvelopeBatch)
    case subscribed(Subscription)
    case disconnected(DisconnectCause)
    /// Envelopes were refused here, at this point of the stream, because the intake was full.
    case dropped(envelopes: Int, bytes: Int, ids: DroppedIDs)
    /// A large payload was passed over while it came in, since there was no room for it.
    case skipped(SkippedPayload)
    /// How far the counters have come: what they gave out and is not in the stream before this point will not come.
    case counters(CounterReadings)
    /// Something that the recorder is asked to do at this point of the stream.
    case command(RecorderCommand)
}

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

/// What a look at the counter of a channel brought.
enum CounterReading: Sendable, Equatable {
    /// The last id that was given out.
    case value(UInt64)
    case unreadable(RecordingDoubt.Reason)
}

/// A look at all counters, as it stands in the stream of what arrives.
struct CounterReadings: Sendable {
    /// By channel index.
    var counters: [CounterReading]
    /// True if whatever Redis had sent when the counters were read stands before this in the stream; else nothing more
    /// will come of it.
    var isFenced: Bool
    /// The relay stops.
    var isLast: Bool
}

/// What the recorder can be asked for by other threads, by way of the ``Intake``.
enum RecorderCommand: Sendable, Equatable {
    /// Close the segment and begin the next one.
    case rotate
    /// Write what waits and force it to the disk.
    case flush
    /// The disk is low: record nothing until ``resume(free:)``. With the bytes that are left.
    case pause(free: UInt64)
    case resume(free: UInt64)
    /// For the capture, and whoever else hears events.
    case note(CaptureEvent)
    /// Envelopes of these channels may come from now on: indexes in ``AttachedChannels``.
    case attach(Range<Int>)
    /// From here on the envelopes of this channel are heard, by its index.
    case joined(Int)
    /// Both ends of this jump of ids are where counters stand, in different databases: by index of the channel.
    case areCounters(CaptureEvent.Withdrawn, channel: Int)
}
