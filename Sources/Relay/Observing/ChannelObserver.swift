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

    private let metrics: ChannelMetrics
    private let own: SignalR2Metrics
    var ids: ChannelIDs
    private var acks = AckTracker()
    private var calls: CallCounts
    private var signals = ActiveSignals()
    private var floor = LatencyFloor()

    private var envelopes = 0
    private var bytes = 0
    /// By raw value. Inline: with many channels each array access is a cache miss.
    private var kinds = InlineArray<10, Int>(repeating: 0)
    private var commands: [Int]
    private var undecodable: [Int]
    private var odd: [Int]
    private var clockSkew = 0
    private var sizes: HistogramAccumulator
    private var latencies: HistogramAccumulator
    private var ackDurations: HistogramAccumulator
    private var lastReceivedAt: UInt64 = 0
    private var largest = LargestEnvelope()
    /// The publisher's clock of the last envelope; a repeated envelope has the same.
    private var lastTicks: Int64 = 0

    /// - Parameters:
    ///   - own: the part of `metrics` specific to this wire.
    ///   - lastID: from an earlier run that recorded this channel.
    ///   - cause: why later ids are missing.
    init(metrics: ChannelMetrics, own: SignalR2Metrics, lastID: UInt64?, cause: GapCause = .notRecording) {
        self.metrics = metrics
        self.own = own
        ids = ChannelIDs(earlierID: lastID, cause: cause)
        calls = CallCounts(metrics.hubInvocations, channel: metrics.channel, metrics.dialect)
        precondition(kinds.count == MessageKind.allCases.count)
        commands = Array(repeating: 0, count: CommandType.allCases.count)
        undecodable = Array(repeating: 0, count: EnvelopeError.Reason.allCases.count)
        odd = Array(repeating: 0, count: EnvelopeOddities.allCases.count)
        sizes = HistogramAccumulator(like: metrics.envelopeSize)
        latencies = HistogramAccumulator(like: own.deliveryLatency)
        ackDurations = HistogramAccumulator(like: metrics.groupAckDuration)
    }

    @inline(__always)
    mutating func observe(_ payload: UnsafeRawBufferPointer, receivedAt: UInt64) -> Seen {
        envelopes &+= 1
        bytes &+= payload.count
        lastReceivedAt = receivedAt
        sizes.observe(Double(payload.count))
        largest.observe(payload.count)
        var seen = Seen()
        do {
            var walk = try EnvelopeWalk(payload)
            seen.id = walk.id
            while let message = try walk.next() { observe(message, receivedAt: receivedAt) }
            if !walk.oddities.isEmpty { count(walk.oddities) }
            let ticks = walk.createdTicks
            seen.isTwin = ticks != lastTicks
            lastTicks = ticks
            if let createdAt = DotNetTicks(rawValue: ticks).unixNanoseconds, createdAt >= 0 {
                seen.publishTime = UInt64(createdAt)
                observeLatency(from: UInt64(createdAt), to: receivedAt)
            }
        } catch {
            undecodable[Int(error.reason.rawValue)] &+= 1
            // The id alone still counts for the sequence: real nodes read it first too.
            if seen.id == nil { seen.id = try? EnvelopeID.parse(payload).id }
        }
        seen.sequence = ids.observe(seen.id, isTwin: seen.isTwin)
        return seen
    }

    /// A payload of which only the start was kept.
    mutating func passedOver(_ payload: SkippedPayload) -> Seen {
        envelopes &+= 1
        bytes &+= payload.bytes
        lastReceivedAt = payload.receivedAt
        sizes.observe(Double(payload.bytes))
        largest.observe(payload.bytes)
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
        kinds[Int(kind.rawValue)] &+= 1
        switch kind {
        case .hub, .group, .user, .client: calls.observe(message.value)
        case .command: observeCommand(message, receivedAt: receivedAt)
        case .ack:
            if let duration = acks.answered(commandID: message.commandID, at: receivedAt) {
                ackDurations.observe(Double(duration) * 1e-9)
            }
            return
        case .connection, .persistentConnection, .persistentConnectionGroup, .other: break
        }
        signals.insert(message.key)
    }

    @inline(never)  // Hardly ever called.
    private mutating func count(_ oddities: EnvelopeOddities) {
        for (index, oddity) in EnvelopeOddities.allCases.enumerated() where oddities.contains(oddity) {
            odd[index] &+= 1
        }
    }

    private mutating func observeCommand(_ message: MessageView, receivedAt: UInt64) {
        if let type = CommandType(in: message.value) { commands[Int(type.rawValue)] &+= 1 }
        if message.waitForAck { acks.sent(commandID: message.commandID, at: receivedAt) }
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
    mutating func missedSomething() { acks.forget() }

    /// Periodic work without envelopes; about once a second.
    mutating func tick(_ now: Moment) {
        let seconds = now.monotonic / 1_000_000_000
        signals.advance(to: seconds)
        floor.advance(to: seconds)
        largest.advance(to: seconds)
        metrics.activeSignals.set(Double(signals.count))
        own.setLatencyFloor(floor.value.map { Double($0) * 1e-9 })
        metrics.setLargestEnvelope(largest.value)
        let missing = acks.expire(at: now.realtime)
        if missing > 0 { metrics.groupAcksMissing.increment(by: missing) }
    }

    /// Adds the counts since the last call to the shared metrics.
    mutating func publish() {
        guard envelopes > 0 else { return }
        metrics.envelopes.increment(by: envelopes)
        metrics.envelopeBytes.increment(by: bytes)
        for index in kinds.indices where kinds[index] > 0 {
            metrics.messages[index].increment(by: kinds[index])
            kinds[index] = 0
        }
        for index in commands.indices where commands[index] > 0 {
            metrics.commands[index].increment(by: commands[index])
            commands[index] = 0
        }
        calls.publish()
        metrics.groupAckDuration.merge(&ackDurations)
        for index in undecodable.indices where undecodable[index] > 0 {
            metrics.undecodable[index].increment(by: undecodable[index])
            undecodable[index] = 0
        }
        for index in odd.indices where odd[index] > 0 {
            metrics.odd[index].increment(by: odd[index])
            odd[index] = 0
        }
        if clockSkew > 0 { own.clockSkew.increment(by: clockSkew) }
        metrics.envelopeSize.merge(&sizes)
        own.deliveryLatency.merge(&latencies)
        if let lastID = ids.lastID { own.lastID.set(Double(lastID)) }
        metrics.lastEnvelopeTimestamp.set(Double(lastReceivedAt) * 1e-9)
        envelopes = 0
        bytes = 0
        clockSkew = 0
    }
}

/// The size of the largest envelope in about the last 15 minutes.
///
/// One comparison per envelope; time advances once a second.
struct LargestEnvelope {
    /// Seconds of one span. The value covers the current span and ``kept`` earlier ones.
    static let span: UInt64 = 60
    static let kept = 14

    private var current = 0
    /// Of completed spans, newest last.
    private var ended: [Int] = []
    private var number: UInt64 = 0

    @inline(__always)
    mutating func observe(_ bytes: Int) {
        if bytes > current { current = bytes }
    }

    /// - Parameter seconds: on the monotonic clock.
    mutating func advance(to seconds: UInt64) {
        let now = seconds / Self.span
        guard now > number else { return }
        // After a pause longer than the whole window nothing older counts.
        for step in 0..<min(now - number, UInt64(Self.kept) + 1) {
            ended.append(step == 0 ? current : 0)
        }
        if ended.count > Self.kept { ended.removeFirst(ended.count - Self.kept) }
        current = 0
        number = now
    }

    /// In bytes; nil without an envelope in that time.
    var value: Int? {
        let largest = max(current, ended.max() ?? 0)
        return largest > 0 ? largest : nil
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
