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
