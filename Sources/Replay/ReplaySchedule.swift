/// When each envelope is due: absolute deadlines from one start, so that no error adds up over time.
public struct ReplaySchedule: Sendable, Equatable {
    public enum Speed: Sendable, Equatable {
        /// 1 is the captured pace, 2 twice as fast.
        case times(Double)
        /// As fast as the target takes it.
        case maximum
    }

    private let speed: Speed
    private let start: UInt64
    private let firstReceivedAt: UInt64

    /// - Parameters:
    ///   - start: when the first envelope is due, on the monotonic clock in nanoseconds.
    ///   - firstReceivedAt: when the first envelope was received, as captured.
    public init(speed: Speed, start: UInt64, firstReceivedAt: UInt64) {
        if case .times(let factor) = speed { precondition(factor > 0 && factor.isFinite) }
        self.speed = speed
        self.start = start
        self.firstReceivedAt = firstReceivedAt
    }

    /// When an envelope received at this time is due, on the monotonic clock; nil for at once.
    public func deadline(forReceivedAt receivedAt: UInt64) -> UInt64? {
        guard case .times(let factor) = speed else { return nil }
        // A capture of several segments may step back a little where they overlap: then it is due at once.
        let offset = receivedAt > firstReceivedAt ? Double(receivedAt - firstReceivedAt) / factor : 0
        return start + UInt64(min(offset, Double(UInt64.max / 2)))
    }
}
