/// When each envelope is due, from the start: absolute deadlines, so that errors do not accumulate.
package struct ReplaySchedule: Sendable, Equatable {
    /// The pace of envelopes.
    package enum Speed: Sendable, Equatable {
        /// 1 is the captured pace, 2 twice as fast.
        case times(Double)
        /// Envelopes per second, evenly.
        case rate(Double)
        /// As fast as the target accepts them.
        case maximum
    }

    private static let latest = Double(UInt64.max / 2)

    private(set) var speed: Speed
    /// Longer pauses, as seen by the target, are shortened to this; nanoseconds.
    private let longestPause: UInt64?
    /// Start of the current speed, and the captured and published times since then.
    private var base: UInt64 = 0
    private var captured: UInt64 = 0
    private var count = 0
    /// Receipt time of the previous envelope; nil at the start of a round.
    private var lastReceivedAt: UInt64?
    private var last: UInt64 = 0

    /// - Parameter longestPause: in nanoseconds; nil for unlimited.
    package init(speed: Speed, longestPause: UInt64? = nil) {
        Self.check(speed)
        self.speed = speed
        self.longestPause = longestPause
    }

    /// When the next envelope is due, in nanoseconds since the start; nil for immediately.
    ///
    /// - Parameter receivedAt: as captured.
    package mutating func due(receivedAt: UInt64) -> UInt64? {
        // In a capture with several segments, time may step back slightly where they overlap: then it is due
        // immediately.
        if let lastReceivedAt, receivedAt > lastReceivedAt {
            captured = captured.addingSaturated(min(receivedAt - lastReceivedAt, longestCapturedPause))
        }
        lastReceivedAt = max(lastReceivedAt ?? 0, receivedAt)
        defer { count += 1 }
        switch speed {
        case .times(let factor): last = base.addingSaturated(UInt64(min(Double(captured) / factor, Self.latest)))
        case .rate(let rate): last = base.addingSaturated(UInt64(min(Double(count) * 1e9 / rate, Self.latest)))
        case .maximum: return nil
        }
        return last
    }

    /// The capture starts over, after what was replayed.
    package mutating func beginRound() {
        lastReceivedAt = nil
    }

    /// From the last envelope on.
    package mutating func change(to speed: Speed) {
        Self.check(speed)
        base = last
        captured = 0
        count = 1
        self.speed = speed
    }

    private var longestCapturedPause: UInt64 {
        guard let longestPause, case .times(let factor) = speed else { return longestPause == nil ? .max : 0 }
        return UInt64(min(Double(longestPause) * factor, Self.latest))
    }

    private static func check(_ speed: Speed) {
        switch speed {
        case .times(let value), .rate(let value): precondition(value > 0 && value.isFinite)
        case .maximum: break
        }
    }
}

extension UInt64 {
    func addingSaturated(_ other: UInt64) -> UInt64 {
        let (sum, overflow) = addingReportingOverflow(other)
        return overflow ? .max : sum
    }
}
