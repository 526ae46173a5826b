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
