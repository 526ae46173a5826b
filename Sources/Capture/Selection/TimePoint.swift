/// A time as an operator gives it: by the clock, or by a distance to an end of the capture.
public enum TimePoint: Sendable, Equatable {
    /// Nanoseconds since 1970.
    case at(UInt64)
    /// Nanoseconds behind the capture's first envelope.
    case afterStart(UInt64)
    /// Nanoseconds before the capture's last envelope; before now while it is being recorded.
    case beforeEnd(UInt64)

    /// Nanoseconds since 1970. In a capture without envelopes, where every time is as good: 0.
    ///
    /// - Parameter now: nanoseconds since 1970.
    /// - Throws: ``CaptureError`` if the capture's first or last time cannot be read.
    public func resolved(in capture: CaptureReader, now: UInt64) throws -> UInt64 {
        switch self {
        case .at(let time):
            return time
        case .afterStart(let distance):
            let (time, overflow) = (try capture.firstReceivedAt() ?? 0).addingReportingOverflow(distance)
            return overflow ? .max : time
        case .beforeEnd(let distance):
            let end = try capture.isBeingRecorded() ? now : capture.lastReceivedAt() ?? 0
            return end > distance ? end - distance : 0
        }
    }
}
