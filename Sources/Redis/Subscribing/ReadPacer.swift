import NIOCore

/// Decides when to read a busy connection again.
///
/// Without pauses a burst would wake the event loop for each envelope, which costs more than the envelope itself. A
/// quiet connection is read immediately. A connection that had data as soon as we listened is read after a pause, in
/// which the kernel collects more data; the pause is longer for high volume. Receipt times are late by at most that
/// pause, and only while envelopes arrive in close succession.
struct ReadPacer {
    static let shortRest = TimeAmount.microseconds(500)
    static let longRest = TimeAmount.milliseconds(2)
    /// A read of this many bytes makes the pause a long one.
    static let much = 8 * 1024
    /// After a read of this many bytes there is probably more: no pause.
    static let large = 64 * 1024
    /// Data within this time after listening means that the connection is busy.
    static let busyWithin = TimeAmount.microseconds(500)

    /// When we started listening after the last read.
    private var listenedAt: NIODeadline?

    /// A read has finished.
    ///
    /// - Returns: how long to pause before the next read; nil to read immediately.
    mutating func pause(afterReading bytes: Int, at now: NIODeadline) -> TimeAmount? {
        let isBusy = listenedAt.map { now - $0 < Self.busyWithin } ?? false
        guard bytes < Self.large, isBusy else {
            listenedAt = now
            return nil
        }
        let rest = bytes < Self.much ? Self.shortRest : Self.longRest
        listenedAt = now + rest
        return rest
    }
}
