import Backplane
import Capture
import Logging
import MessageLines
import Relay
import Time

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// Prints the output of a ``Tail``: envelopes like `cat`; events as log lines, or as JSON objects among the envelopes.
struct TailPrinter: TailOutput {
    private final class Output {
        var live: LiveOutput
        var lines: MessageLine
        /// Events held back until a time, because interleaved counters might explain them.
        var held: [(event: CaptureEvent, until: UInt64)] = []

        init(_ live: consuming LiveOutput, _ lines: MessageLine) {
            self.live = live
            self.lines = lines
        }
    }

    private static let heldLimit = 64
    private static let patience: UInt64 = 1_000_000_000

    private let json: Bool
    private let logger: Logger
    // A class, because the protocol's value is copied and an output must not be.
    private let output: Output

    init(json: Bool, style: LineStyle, stop: TailStop, logger: Logger) {
        self.json = json
        self.logger = logger
        output = Output(LiveOutput { stop.isRequested }, MessageLine(style))
    }

    func envelope(_ envelope: CapturedEnvelope) throws {
        if output.lines.style.width != nil { output.lines.fit(to: StandardOutput.width) }
        try output.live.append { buffer in
            if json {
                EnvelopeJSON.append(envelope, to: &buffer)
                buffer.append(UInt8(ascii: "\n"))
            } else {
                output.lines.append(envelope, to: &buffer)
            }
        }
    }

    func event(_ event: CaptureEvent, at time: UInt64) throws {
        guard json else { return say(event) }
        try output.live.append { buffer in
            buffer += event.json().dropLast()
            buffer += #","received_at":""#.utf8
            UTCTime.appendRFC3339(time, to: &buffer)
            buffer += "\"}\n".utf8
        }
    }

    func flush() throws {
        logHeld(by: Moment.now().monotonic)
        try output.live.flush()
    }

    func finish() throws {
        logHeld(by: .max)
        try output.live.flush()
    }

    /// A jump of ids is held back: if another counter continues, it was not a gap.
    private func say(_ event: CaptureEvent) {
        switch event.event {
        case "counter_reset",
            "gap" where event.cause == GapCause.foreignPublish.rawValue:
            output.held.append((event, Moment.now().monotonic + Self.patience))
            if output.held.count > Self.heldLimit { log(output.held.removeFirst().event) }
        case "interleaved":
            output.held.removeAll { held in
                held.event.channel?.isSameOrdinally(as: event.channel ?? "") == true
                    && event.withdraws?.contains {
                        $0.event == held.event.event && $0.from == held.event.from && $0.to == held.event.to
                    } == true
            }
            log(event)
        default: log(event)
        }
    }

    /// - Parameter time: on the monotonic clock; `.max` for all.
    private func logHeld(by time: UInt64) {
        let due = output.held.prefix { $0.until <= time }
        output.held.removeFirst(due.count)
        for held in due { log(held.event) }
    }

    private func log(_ event: CaptureEvent) {
        let ids = "\(event.from ?? 0)..\(event.to ?? 0)"
        switch event.event {
        case "gap" where event.from == nil:
            logger.warning(
                "gap: what was published meanwhile is missing",
                metadata: ["channel": channel(event), "cause": "\(event.cause ?? "unknown")"])
        case "gap":
            logger.warning(
                "gap: ids are missing",
                metadata: ["channel": channel(event), "ids": "\(ids)", "cause": "\(event.cause ?? "unknown")"])
        case "counter_reset":
            logger.warning(
                "the counter was set back",
                metadata: [
                    "channel": channel(event), "from": "\(event.from ?? 0)", "to": "\(event.to ?? 0)",
                ])
        case CaptureEvent.mayBeMissingName:
            logger.warning(
                "cannot tell whether ids are missing",
                metadata: [
                    "channel": channel(event), "after": "\(event.after ?? 0)", "reason": "\(event.reason ?? "unknown")",
                    "cause": "\(event.cause ?? "none")",
                ])
        case "interleaved":
            logger.warning(
                "several counters publish in turn; applications in different databases share the event key",
                metadata: ["channel": channel(event), "counters": "\(event.counters ?? 0)"])
        case "duplicate":
            logger.warning(
                "an id was received twice", metadata: ["channel": channel(event), "id": "\(event.from ?? 0)"])
        case "dropped":
            logger.error(
                "printing is slower than the traffic, envelopes dropped",
                metadata: ["envelopes": "\(event.envelopes ?? 0)", "bytes": "\(event.bytes ?? 0)"])
        // The subscriber itself logs subscriptions, also to hubs that were found, and lost connections.
        default: break
        }
    }

    private func channel(_ event: CaptureEvent) -> Logger.MetadataValue { "\(event.channel ?? "")" }
}

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
