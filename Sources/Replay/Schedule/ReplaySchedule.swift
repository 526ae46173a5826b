/// When each envelope is due, counted from the start: absolute deadlines, so that no error adds up over time.
package struct ReplaySchedule: Sendable, Equatable {
    /// How fast envelopes follow each other.
    package enum Speed: Sendable, Equatable {
        /// 1 is the captured pace, 2 twice as fast.
        case times(Double)
        /// So many envelopes a second, evenly.
        case rate(Double)
        /// As fast as the target takes it.
        case maximum
    }

    private static let latest = Double(UInt64.max / 2)

    private(set) var speed: Speed
    /// Longer pauses, as the target sees them, are cut to this; nanoseconds.
    private let longestPause: UInt64?
    /// When the present speed began, and what was captured and handed out since then.
    private var base: UInt64 = 0
    private var captured: UInt64 = 0
    private var count = 0
    /// Receipt of the envelope before; nil at the start of a round.
    private var lastReceivedAt: UInt64?
    private var last: UInt64 = 0

    /// - Parameter longestPause: in nanoseconds; nil for as long as they were.
    package init(speed: Speed, longestPause: UInt64? = nil) {
        Self.check(speed)
        self.speed = speed
        self.longestPause = longestPause
    }

    /// When the next envelope is due, in nanoseconds since the start; nil for at once.
    ///
    /// - Parameter receivedAt: as captured.
    package mutating func due(receivedAt: UInt64) -> UInt64? {
        // A capture of several segments may step back a little where they overlap: then it is due at once.
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

    /// The capture begins again, behind what was replayed.
    package mutating func beginRound() {
        lastReceivedAt = nil
    }

    /// From the envelope handed out last on.
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
