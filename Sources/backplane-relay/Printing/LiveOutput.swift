import Capture
import Time

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// Standard output of a command that runs until it is stopped: a stalled reader does not delay the stop, and a closed
/// pipe is noticed even when there is nothing to write.
struct LiveOutput: ~Copyable {
    /// A ready pipe accepts this much at once, so such a write does not block.
    private static let pieceSize = 4_096
    private static let bufferSize = 64 * 1024
    /// Polling interval for the stop, in milliseconds.
    private static let look: CInt = 100
    /// How long a reader may stall after the stop, in nanoseconds.
    private static let patience: UInt64 = 1_000_000_000

    private var buffer: [UInt8] = []
    private let isStopping: () -> Bool

    /// - Parameter isStopping: whether the command was stopped.
    init(isStopping: @escaping () -> Bool) {
        self.isStopping = isStopping
        buffer.reserveCapacity(2 * Self.bufferSize)
    }

    /// Lets `body` append, then writes if there is enough.
    mutating func append(_ body: (inout [UInt8]) -> Void) throws {
        body(&buffer)
        if buffer.count >= Self.bufferSize { try flush() }
    }

    /// - Throws: ``OutputError``; ``OutputStalled`` if the command was stopped and the reader stalls.
    mutating func flush() throws {
        defer { buffer.removeAll(keepingCapacity: true) }
        var done = 0
        while done < buffer.count {
            try waitUntilReady()
            let count = buffer.withUnsafeBytes {
                write(STDOUT_FILENO, $0.baseAddress.map { $0 + done }, min(Self.pieceSize, $0.count - done))
            }
            if count >= 0 {
                done += count
            } else if errno != EINTR, errno != EAGAIN {
                throw OutputError(code: errno)
            }
        }
        if buffer.isEmpty, events(0, waiting: 0) & (POLLERR | POLLHUP) != 0 { throw OutputError(code: EPIPE) }
    }

    private func waitUntilReady() throws {
        var stoppedAt: UInt64?
        while events(POLLOUT, waiting: Self.look) == 0 {
            guard isStopping() else { continue }
            let now = Moment.now().monotonic
            if let stoppedAt, now - stoppedAt >= Self.patience { throw OutputStalled() }
            stoppedAt = stoppedAt ?? now
        }
    }

    private func events(_ wanted: Int32, waiting milliseconds: CInt) -> Int32 {
        var status = pollfd(fd: STDOUT_FILENO, events: Int16(wanted), revents: 0)
        guard poll(&status, 1, milliseconds) > 0 else { return 0 }
        return Int32(status.revents)
    }
}

/// The command was stopped while the reader stalled.
struct OutputStalled: Error, CustomStringConvertible {
    var description: String { "standard output has no reader any more" }
}
