import Time

/// The ends of a capture, to which relative times refer; each is read once, and only if needed.
package struct CaptureEnds {
    private let capture: CaptureReader
    private let now: UInt64
    private var start: UInt64?
    private var end: UInt64?

    /// - Parameter now: nanoseconds since 1970.
    package init(of capture: CaptureReader, now: UInt64) {
        self.capture = capture
        self.now = now
    }

    /// Nanoseconds since 1970. In a capture without envelopes any time will do: 0 and later.
    ///
    /// - Throws: ``CaptureError`` if the end that the time refers to cannot be read.
    package mutating func resolve(_ time: TimePoint) throws -> UInt64 {
        if case .at(let time) = time { return time }
        // Reading it would consume the stream.
        if let stream = capture.segments.first(where: { $0.stream != nil }) {
            throw CaptureError.readOnce(path: stream.path)
        }
        switch time {
        case .at(let time):
            return time
        case .clock(let clock):
            return try LocalTime.last(clock: clock, upTo: resolve(.beforeEnd(0)))
        case .afterStart(let distance):
            let known = try start ?? capture.firstReceivedAt() ?? 0
            start = known
            let (time, overflow) = known.addingReportingOverflow(distance)
            return overflow ? .max : time
        case .beforeEnd(let distance):
            let known = try end ?? (capture.isBeingRecorded() ? now : capture.lastReceivedAt() ?? 0)
            end = known
            return known > distance ? known - distance : 0
        }
    }
}

/// A time as given by an operator: absolute, or relative to an end of the capture; ``CaptureEnds`` resolves it.
package enum TimePoint: Sendable, Equatable {
    /// Nanoseconds since 1970.
    case at(UInt64)
    /// Nanoseconds since local midnight: the last such time before the capture's end.
    case clock(UInt64)
    /// Nanoseconds after the capture's first envelope.
    case afterStart(UInt64)
    /// Nanoseconds before the capture's last envelope; before now while it is being recorded.
    case beforeEnd(UInt64)
}
