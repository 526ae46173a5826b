/// A time as an operator gives it: by the clock, or by a distance to an end of the capture; ``CaptureEnds`` resolves it.
package enum TimePoint: Sendable, Equatable {
    /// Nanoseconds since 1970.
    case at(UInt64)
    /// Nanoseconds since midnight by the clock here: the last such time before the capture's end.
    case clock(UInt64)
    /// Nanoseconds behind the capture's first envelope.
    case afterStart(UInt64)
    /// Nanoseconds before the capture's last envelope; before now while it is being recorded.
    case beforeEnd(UInt64)
}
