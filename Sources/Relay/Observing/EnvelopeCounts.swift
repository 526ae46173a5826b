import Backplane
import Prometheus
import Time

/// The counts that both wires have in common: an observer adds to them for each envelope, in plain integers;
/// ``publish()`` adds them to the shared metrics.
struct EnvelopeCounts {
    private let metrics: ChannelMetrics
    /// Group commands that wait for their ack.
    private var acks = AckTracker()
    private var ackDurations: HistogramAccumulator
    private var calls: CallCounts
    private var signals = ActiveSignals()
    private var largest = LargestEnvelope()

    private var envelopes = 0
    private var bytes = 0
    private var lastReceivedAt: UInt64 = 0
    private var sizes: HistogramAccumulator
    /// In the order of ``ChannelMetrics/messages``; as many as the wire with more kinds has. Inline: with many channels
    /// each array access is a cache miss.
    private var kinds = InlineArray<10, Int>(repeating: 0)
    /// In the order of ``ChannelMetrics/commands``; as many as the wire with more commands has.
    private var commands = InlineArray<4, Int>(repeating: 0)
    /// In the order of ``ChannelMetrics/undecodable``.
    private var undecodable: [Int]
    /// By bit of the wire's oddities, as ``ChannelMetrics/odd``.
    private var odd: [Int]

    init(_ metrics: ChannelMetrics) {
        precondition(metrics.messages.count <= kinds.count && metrics.commands.count <= commands.count)
        self.metrics = metrics
        calls = CallCounts(metrics.hubInvocations, channel: metrics.channel, metrics.dialect)
        undecodable = Array(repeating: 0, count: metrics.undecodable.count)
        odd = Array(repeating: 0, count: metrics.odd.count)
        sizes = HistogramAccumulator(like: metrics.envelopeSize)
        ackDurations = HistogramAccumulator(like: metrics.groupAckDuration)
    }

    // MARK: - Each envelope

    /// - Parameters:
    ///   - size: payload bytes.
    ///   - time: of its receipt, nanoseconds since 1970.
    @inline(__always)
    mutating func received(_ size: Int, at time: UInt64) {
        envelopes &+= 1
        bytes &+= size
        lastReceivedAt = time
        sizes.observe(Double(size))
        largest.observe(size)
    }

    /// A message of this kind, by index of ``ChannelMetrics/messages``.
    @inline(__always)
    mutating func message(_ kind: Int) { kinds[kind] &+= 1 }

    /// A payload that does not decode, by index of ``ChannelMetrics/undecodable``.
    mutating func undecodable(_ reason: UInt8) { undecodable[Int(reason)] &+= 1 }

    /// Anomalies of an envelope, of which there are hardly ever any.
    @inline(never)
    mutating func odd(_ oddities: some Oddities) {
        for index in odd.indices where oddities.rawValue & 1 << UInt8(index) != 0 { odd[index] &+= 1 }
    }

    /// The signal of SignalR 2, or the Redis channel of ASP.NET Core, that a message is addressed to.
    @inline(__always)
    mutating func addressed(_ key: UnsafeRawBufferPointer) { signals.insert(key) }

    /// See ``CallCounts/observe(_:)``.
    @inline(__always)
    mutating func call(_ value: UnsafeRawBufferPointer) { calls.observe(value) }

    /// See ``CallCounts/observe(method:hub:)-(CoreCallName,_)``.
    @inline(__always)
    mutating func call(_ method: CoreCallName, hub: String) { calls.observe(method: method, hub: hub) }

    /// The same for a method that may be escaped.
    mutating func call(_ method: TextInPlace, hub: String) { calls.observe(method: method, hub: hub) }

    // MARK: - Group commands

    /// A command, by index of ``ChannelMetrics/commands``.
    mutating func command(_ index: Int) { commands[index] &+= 1 }

    /// A command that waits for an ack.
    ///
    /// - Parameters:
    ///   - command: a hash that no other waiting command of this channel has.
    ///   - time: of its receipt, nanoseconds since 1970.
    mutating func asked(_ command: UInt64, at time: UInt64) { acks.sent(command, at: time) }

    /// The same for a command that is identified by its id alone.
    mutating func asked(commandID: UnsafeRawBufferPointer, at time: UInt64) {
        acks.sent(commandID: commandID, at: time)
    }

    /// An ack; ignored if no command waits for it. Parameters as above.
    mutating func acknowledged(_ command: UInt64, at time: UInt64) {
        acknowledged(after: acks.answered(command, at: time))
    }

    /// The same for a command that is identified by its id alone.
    mutating func acknowledged(commandID: UnsafeRawBufferPointer, at time: UInt64) {
        acknowledged(after: acks.answered(commandID: commandID, at: time))
    }

    private mutating func acknowledged(after nanoseconds: UInt64?) {
        if let nanoseconds { ackDurations.observe(Double(nanoseconds) * 1e-9) }
    }

    /// Acks may have been missed: commands that wait for one are not counted as unanswered.
    mutating func forgetCommands() { acks.forget() }

    // MARK: - Time

    /// Periodic work without envelopes; about once a second.
    mutating func tick(_ now: Moment) {
        let seconds = now.monotonic / 1_000_000_000
        signals.advance(to: seconds)
        largest.advance(to: seconds)
        metrics.activeSignals.set(Double(signals.count))
        metrics.setLargestEnvelope(largest.value)
        let missing = acks.expire(at: now.realtime)
        if missing > 0 { metrics.groupAcksMissing.increment(by: missing) }
    }

    /// Adds the counts since the last call to the shared metrics.
    ///
    /// - Returns: false if no envelope was received since.
    mutating func publish() -> Bool {
        guard envelopes > 0 else { return false }
        metrics.envelopes.increment(by: envelopes)
        metrics.envelopeBytes.increment(by: bytes)
        (envelopes, bytes) = (0, 0)
        for index in kinds.indices where kinds[index] > 0 {
            metrics.messages[index].increment(by: kinds[index])
            kinds[index] = 0
        }
        for index in commands.indices where commands[index] > 0 {
            metrics.commands[index].increment(by: commands[index])
            commands[index] = 0
        }
        Self.publish(&undecodable, to: metrics.undecodable)
        Self.publish(&odd, to: metrics.odd)
        calls.publish()
        metrics.groupAckDuration.merge(&ackDurations)
        metrics.envelopeSize.merge(&sizes)
        metrics.lastEnvelopeTimestamp.set(Double(lastReceivedAt) * 1e-9)
        return true
    }

    private static func publish(_ counts: inout [Int], to counters: [Counter]) {
        for index in counts.indices where counts[index] > 0 {
            counters[index].increment(by: counts[index])
            counts[index] = 0
        }
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
