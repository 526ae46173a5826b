import Backplane
import Capture
import Prometheus
import Redis
import Time

/// Analyzes each envelope of one SignalR 2 channel in place: id, sequence, kinds, calls, commands and acks, signals,
/// size, latency. Everything specific to this wire is here and in ``ChannelIDs``.
///
/// Counts per envelope in plain integers; ``publish()`` adds them to the shared metrics per batch.
struct ChannelObserver {
    /// What the recorder needs of an envelope, and what may cause an event.
    struct Seen {
        /// nil if the payload has no id.
        var id: UInt64?
        /// The publisher's clock, nanoseconds since 1970; nil if the payload has none.
        var publishTime: UInt64?
        /// nil without an id.
        var sequence: CounterTracker.Observation?
        /// If it has the previous id: whether it is, or may be, a different envelope.
        var isTwin = false
    }

    private let own: SignalR2Metrics
    var ids: ChannelIDs
    private var counts: EnvelopeCounts
    private var floor = LatencyFloor()
    private var clockSkew = 0
    private var latencies: HistogramAccumulator
    /// The publisher's clock of the last envelope; a repeated envelope has the same.
    private var lastTicks: Int64 = 0

    /// - Parameters:
    ///   - own: the part of `metrics` specific to this wire.
    ///   - lastID: from an earlier run that recorded this channel.
    ///   - cause: why later ids are missing.
    init(metrics: ChannelMetrics, own: SignalR2Metrics, lastID: UInt64?, cause: GapCause = .notRecording) {
        self.own = own
        ids = ChannelIDs(earlierID: lastID, cause: cause)
        counts = EnvelopeCounts(metrics)
        latencies = HistogramAccumulator(like: own.deliveryLatency)
    }

    @inline(__always)
    mutating func observe(_ payload: UnsafeRawBufferPointer, receivedAt: UInt64) -> Seen {
        counts.received(payload.count, at: receivedAt)
        var seen = Seen()
        do {
            var walk = try EnvelopeWalk(payload)
            seen.id = walk.id
            while let message = try walk.next() { observe(message, receivedAt: receivedAt) }
            if !walk.oddities.isEmpty { counts.odd(walk.oddities) }
            let ticks = walk.createdTicks
            seen.isTwin = ticks != lastTicks
            lastTicks = ticks
            if let createdAt = DotNetTicks(rawValue: ticks).unixNanoseconds, createdAt >= 0 {
                seen.publishTime = UInt64(createdAt)
                observeLatency(from: UInt64(createdAt), to: receivedAt)
            }
        } catch {
            counts.undecodable(error.reason.rawValue)
            // The id alone still counts for the sequence: real nodes read it first too.
            if seen.id == nil { seen.id = try? EnvelopeID.parse(payload).id }
        }
        seen.sequence = ids.observe(seen.id, isTwin: seen.isTwin)
        return seen
    }

    /// A payload of which only the start was kept.
    mutating func passedOver(_ payload: SkippedPayload) -> Seen {
        counts.received(payload.bytes, at: payload.receivedAt)
        // It may have contained a command or an ack.
        missedSomething()
        var seen = Seen()
        seen.id = payload.start.withUnsafeBytes { try? EnvelopeID.parse($0).id }
        seen.sequence = ids.observe(seen.id)
        return seen
    }

    @inline(__always)
    private mutating func observe(_ message: MessageView, receivedAt: UInt64) {
        let kind = message.kind
        counts.message(Int(kind.rawValue))
        switch kind {
        case .hub, .group, .user, .client: counts.call(message.value)
        case .command: observeCommand(message, receivedAt: receivedAt)
        case .ack: return counts.acknowledged(commandID: message.commandID, at: receivedAt)
        case .connection, .persistentConnection, .persistentConnectionGroup, .other: break
        }
        counts.addressed(message.key)
    }

    private mutating func observeCommand(_ message: MessageView, receivedAt: UInt64) {
        if let type = CommandType(in: message.value) { counts.command(Int(type.rawValue)) }
        if message.waitForAck { counts.asked(commandID: message.commandID, at: receivedAt) }
    }

    @inline(__always)
    private mutating func observeLatency(from createdAt: UInt64, to receivedAt: UInt64) {
        floor.observe(Int64(bitPattern: receivedAt &- createdAt))
        if receivedAt >= createdAt {
            latencies.observe(Double(receivedAt - createdAt) * 1e-9)
        } else {
            clockSkew &+= 1
        }
    }

    /// Counts a deviation of ids.
    mutating func count(_ sequence: CounterTracker.Observation) {
        switch sequence {
        case .one(.gap(let from, let to)):
            own.gaps.increment()
            own.missingIDs.increment(by: Int(clamping: to - from + 1))
            missedSomething()
        case .one(.duplicate): own.duplicateIDs.increment()
        case .one(.counterReset): own.countCounterReset()
        case .turn: own.interleavedIDs.increment()
        case .one(.first), .one(.inOrder), .one(.late), .restored: break
        }
    }

    /// Missed envelopes may have contained acks.
    mutating func missedSomething() { counts.forgetCommands() }

    /// Periodic work without envelopes; about once a second.
    mutating func tick(_ now: Moment) {
        counts.tick(now)
        floor.advance(to: now.monotonic / 1_000_000_000)
        own.setLatencyFloor(floor.value.map { Double($0) * 1e-9 })
    }

    /// Adds the counts since the last call to the shared metrics.
    mutating func publish() {
        guard counts.publish() else { return }
        if clockSkew > 0 { own.clockSkew.increment(by: clockSkew) }
        clockSkew = 0
        own.deliveryLatency.merge(&latencies)
        if let lastID = ids.lastID { own.lastID.set(Double(lastID)) }
    }
}

/// The lowest latency of the last five minutes: the best network latency plus the clock difference. Negative if the
/// publisher's clock is ahead of ours.
struct LatencyFloor {
    private var lowest = InlineArray<5, Int64>(repeating: .max)
    private var minute: UInt64 = 0
    private var index = 0

    /// - Parameter nanoseconds: from the publisher's clock to ours.
    @inline(__always)
    mutating func observe(_ nanoseconds: Int64) {
        if nanoseconds < lowest[index] { lowest[index] = nanoseconds }
    }

    /// - Parameter seconds: on a monotonic clock.
    mutating func advance(to seconds: UInt64) {
        let now = seconds / 60
        guard now > minute else { return }
        for _ in 0..<min(Int(clamping: now - minute), lowest.count) {
            index = (index + 1) % lowest.count
            lowest[index] = .max
        }
        minute = now
    }

    /// In nanoseconds; nil without an envelope with a time.
    var value: Int64? {
        var value = Int64.max
        for index in lowest.indices { value = min(value, lowest[index]) }
        return value < .max ? value : nil
    }
}
