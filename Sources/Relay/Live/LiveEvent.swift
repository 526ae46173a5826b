import Capture

/// Something that the page tells: what befell a channel or the recording, and when.
struct LiveEvent: Sendable, Equatable {
    /// Ascending, so that a page knows what it has shown.
    var number: UInt64
    /// Nanoseconds since 1970.
    var at: UInt64
    var event: CaptureEvent
}
