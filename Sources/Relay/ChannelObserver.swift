import Capture
import Prometheus
import SignalRBackplane

/// Looks at each envelope of one channel in place: id, sequence, kinds, size, latency.
///
/// Counts in plain integers, envelope by envelope; ``publish()`` adds them to the shared metrics, batch by batch.
struct ChannelObserver {
    /// What the recorder needs to know of an envelope, and what deserves an event.
    struct Seen {
        /// nil if the payload begins with none.
        var id: UInt64?
        /// The publisher's clock, nanoseconds since 1970; nil if the payload does not say.
        var publishTime: UInt64?
        /// nil without an id.
        var sequence: SequenceTracker.Observation?
    }

    private let metrics: ChannelMetrics
    private var tracker: SequenceTracker

    private var envelopes = 0
    private var bytes = 0
    private var kinds: [Int]
    private var undecodable: [Int]
    private var clockSkew = 0
    private var sizes: HistogramAccumulator
    private var latencies: HistogramAccumulator
    private var lastReceivedAt: UInt64 = 0

    /// - Parameter lastID: from an earlier run that recorded this channel.
    init(metrics: ChannelMetrics, lastID: UInt64?) {
        self.metrics = metrics
        tracker = SequenceTracker(lastID: lastID)
        kinds = Array(repeating: 0, count: MessageKind.allCases.count)
        undecodable = Array(repeating: 0, count: EnvelopeError.Reason.allCases.count)
        sizes = HistogramAccumulator(like: metrics.envelopeSize)
        latencies = HistogramAccumulator(like: metrics.deliveryLatency)
    }

    @inline(__always)
    mutating func observe(_ payload: UnsafeRawBufferPointer, receivedAt: UInt64) -> Seen {
        envelopes &+= 1
        bytes &+= payload.count
        lastReceivedAt = receivedAt
        sizes.observe(Double(payload.count))
        var seen = Seen()
        do {
            var walk = try EnvelopeWalk(payload)
            seen.id = walk.id
            while let message = try walk.next() { kinds[Int(message.kind.rawValue)] &+= 1 }
            if let createdAt = DotNetTicks(rawValue: walk.createdTicks).unixNanoseconds, createdAt >= 0 {
                seen.publishTime = UInt64(createdAt)
                observeLatency(from: UInt64(createdAt), to: receivedAt)
            }
        } catch {
            undecodable[Int(error.reason.rawValue)] &+= 1
            // The id alone still counts for the sequence: real nodes read it first, too.
            if seen.id == nil { seen.id = try? EnvelopeID.parse(payload).id }
        }
        if let id = seen.id { seen.sequence = tracker.observe(id) }
        return seen
    }

    @inline(__always)
    private mutating func observeLatency(from createdAt: UInt64, to receivedAt: UInt64) {
        if receivedAt >= createdAt {
            latencies.observe(Double(receivedAt - createdAt) * 1e-9)
        } else {
            clockSkew &+= 1
        }
    }

    /// Counts a deviation of the ids.
    func count(_ sequence: SequenceTracker.Observation) {
        switch sequence {
        case .gap(let from, let to):
            metrics.gaps.increment()
            metrics.missingIDs.increment(by: Int(clamping: to - from + 1))
        case .duplicate: metrics.duplicateIDs.increment()
        case .counterReset: metrics.counterResets.increment()
        case .first, .inOrder, .late: break
        }
    }

    /// Adds what was counted since the last call to the shared metrics.
    mutating func publish() {
        guard envelopes > 0 else { return }
        metrics.envelopes.increment(by: envelopes)
        metrics.envelopeBytes.increment(by: bytes)
        for index in kinds.indices where kinds[index] > 0 {
            metrics.messages[index].increment(by: kinds[index])
            kinds[index] = 0
        }
        for index in undecodable.indices where undecodable[index] > 0 {
            metrics.undecodable[index].increment(by: undecodable[index])
            undecodable[index] = 0
        }
        if clockSkew > 0 { metrics.clockSkew.increment(by: clockSkew) }
        metrics.envelopeSize.merge(&sizes)
        metrics.deliveryLatency.merge(&latencies)
        if let lastID = tracker.lastID { metrics.lastID.set(Double(lastID)) }
        metrics.lastEnvelopeTimestamp.set(Double(lastReceivedAt) * 1e-9)
        envelopes = 0
        bytes = 0
        clockSkew = 0
    }
}
