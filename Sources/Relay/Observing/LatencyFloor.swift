/// The lowest latency of the last five minutes: the network at its best, plus the difference of the two clocks. Below 0
/// if the publisher's clock is ahead of ours.
struct LatencyFloor {
    private static let minutes = 5

    private var lowest = Array(repeating: Int64.max, count: minutes)
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
        for _ in 0..<min(Int(clamping: now - minute), Self.minutes) {
            index = (index + 1) % Self.minutes
            lowest[index] = .max
        }
        minute = now
    }

    /// In nanoseconds; nil without an envelope that tells.
    var value: Int64? {
        guard let value = lowest.min(), value < .max else { return nil }
        return value
    }
}
