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
