/// The size of the largest envelope of the last quarter of an hour, more or less.
///
/// A comparison an envelope; time moves once a second.
struct LargestEnvelope {
    /// Seconds of one span. What is told reaches back over the current span and ``kept`` more.
    static let span: UInt64 = 60
    static let kept = 14

    private var current = 0
    /// Of spans that have ended, the newest last.
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
        // After a pause longer than all that is kept nothing of before counts.
        for step in 0..<min(now - number, UInt64(Self.kept) + 1) {
            ended.append(step == 0 ? current : 0)
        }
        if ended.count > Self.kept { ended.removeFirst(ended.count - Self.kept) }
        current = 0
        number = now
    }

    /// In bytes; nil if nothing came in that time.
    var value: Int? {
        let largest = max(current, ended.max() ?? 0)
        return largest > 0 ? largest : nil
    }
}

/// The lowest latency of the last five minutes: the network at its best, plus the difference of the two clocks. Below 0
/// if the publisher's clock is ahead of ours.
struct LatencyFloor {
    private var lowest = InlineArray<5, Int64>(repeating: .max)
    private var minute: UInt64 = 0
    private var index = 0

    /// - Parameter nanoseconds: from the publisher's clock to ours.
    @inline(__always)
    mutating func observe(_ nanoseconds: Int64) {
        if nanoseconds < lowest[index] { lowest[index] = nanoseconds }
    }

    /// - Parameter seconds: of a clock that never goes back.
    mutating func advance(to seconds: UInt64) {
        let now = seconds / 60
        guard now > minute else { return }
        for _ in 0..<min(Int(clamping: now - minute), lowest.count) {
            index = (index + 1) % lowest.count
            lowest[index] = .max
        }
        minute = now
    }

    /// In nanoseconds; nil without an envelope that tells.
    var value: Int64? {
        var value = Int64.max
        for index in lowest.indices { value = min(value, lowest[index]) }
        return value < .max ? value : nil
    }
}
