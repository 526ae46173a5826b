import Capture
import SystemPackage

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// For the live page only. A capture cannot be told while it cannot be written; later its `dropped` events say the same.
extension CaptureEvent {
    static func writingFailed(_ error: CaptureError) -> CaptureEvent {
        var event = CaptureEvent(event: "writing_failed")
        // Without the path: the page may be looked at by those who should not know it.
        if case .system(_, _, let code) = error {
            event.reason = Errno(rawValue: code).description
        } else {
            event.reason = "its directory is not as it was"
        }
        return event
    }

    /// - Parameter lost: envelopes that could not be written; those of a pause for want of space are not among them.
    static func writingResumed(lost: Int) -> CaptureEvent {
        var event = CaptureEvent(event: "writing_resumed")
        event.envelopes = lost
        return event
    }
}
