import NIOCore

/// Decides when a busy connection is read again.
///
/// A burst would otherwise wake us for each envelope, which costs more than the envelope itself. A quiet connection is
/// read at once. One that had something to read as soon as we listened rests first, so that the kernel collects what
/// comes: shortly, or for longer where much comes. At most that is added to the time of receipt, and only while
/// envelopes come close together.
struct ReadPacer {
    static let shortRest = TimeAmount.microseconds(500)
    static let longRest = TimeAmount.milliseconds(2)
    /// A read of this many bytes makes the rest a long one.
    static let much = 8 * 1024
    /// After a read of this many bytes there is probably more: no rest.
    static let large = 64 * 1024
    /// Something to read within this time after we listened means that the connection is busy.
    static let busyWithin = TimeAmount.microseconds(500)

    /// When we listened again after the last read.
    private var listenedAt: NIODeadline?

    /// A read is done.
    ///
    /// - Returns: how long to rest before the next; nil to read on at once.
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
