import Capture
import Time

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// Standard output of a command that goes on until it is told to stop: a reader that stands still does not keep it from
/// that, and one that has gone is noticed also while there is nothing to write.
struct LiveOutput: ~Copyable {
    /// A pipe that is ready takes this much at once, so such a write does not block.
    private static let pieceSize = 4_096
    private static let bufferSize = 64 * 1024
    /// How often it is looked whether the end has come, in milliseconds.
    private static let look: CInt = 100
    /// How long a reader may stand still after the end has come, in nanoseconds.
    private static let patience: UInt64 = 1_000_000_000

    private var buffer: [UInt8] = []
    private let isStopping: () -> Bool

    /// - Parameter isStopping: whether the end has come.
    init(isStopping: @escaping () -> Bool) {
        self.isStopping = isStopping
        buffer.reserveCapacity(2 * Self.bufferSize)
    }

    /// Lets `body` append, then writes if much has come together.
    mutating func append(_ body: (inout [UInt8]) -> Void) throws {
        body(&buffer)
        if buffer.count >= Self.bufferSize { try flush() }
    }

    /// - Throws: ``OutputError``; ``OutputStalled`` if the end has come and nobody reads.
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

/// The end has come, and nobody reads what is still to be written.
struct OutputStalled: Error, CustomStringConvertible {
    var description: String { "nobody reads standard output any more" }
}
