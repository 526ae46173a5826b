import NIOCore

/// Decides when a busy connection is read again.
///
/// A publisher's burst would otherwise wake us for each envelope, which costs more than the envelope itself. A quiet
/// connection is read at once; one that was read less than ``busyBelow`` ago rests for ``rest``, in which the kernel
/// collects what comes. So at most that much is added to the time of receipt, and only while envelopes come close together.
struct ReadPacer {
    static let rest = TimeAmount.milliseconds(1)
    static let busyBelow = TimeAmount.milliseconds(2)
    /// After a read of this many bytes there is probably more: no rest.
    static let large = 64 * 1024

    private var lastRead: NIODeadline?

    /// A read is done.
    ///
    /// - Returns: how long to rest before the next; nil to read on at once.
    mutating func pause(afterReading bytes: Int, at now: NIODeadline) -> TimeAmount? {
        defer { lastRead = now }
        guard bytes < Self.large, let lastRead, now - lastRead < Self.busyBelow else { return nil }
        return Self.rest
    }
}
