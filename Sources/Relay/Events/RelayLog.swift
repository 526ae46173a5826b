import Backplane
import Capture
package import Logging
import Redis
import Time

/// Logs the events of a relay; repeated ones at most once a second.
struct RelayLog {
    let context: RelayContext
    private let bufferBytes: Int
    private var lines: EventLog
    /// By channel index: events logged before several counters were recognized.
    private var wrong: [Int: [CaptureEvent.Withdrawn]] = [:]

    /// - Parameter bufferBytes: the limit of the intake.
    init(_ context: RelayContext, bufferBytes: Int) {
        self.context = context
        self.bufferBytes = bufferBytes
        lines = EventLog(context.logger)
    }

    mutating func consume(_ event: RelayEvent, at now: Moment) {
        let (channels, logger, bufferBytes) = (context.channels, context.logger, bufferBytes)
        switch event {
        case .gap, .duplicate, .counterReset, .mayBeMissing:
            guard let event = event.captured(channels) else { return }
            lines.write(.warning, "\(event.event)", kind: event.event, at: now.monotonic, event.sequenceMetadata)
        case .dropped(let envelopes, let bytes):
            lines.write(
                .error, "intake full, envelopes dropped; is the disk too slow, or the buffer too small?",
                kind: "dropped", at: now.monotonic, ["envelopes": "\(envelopes)", "bytes": "\(bytes)"])
        case .skipped(let payload, let id):
            lines.write(
                .error,
                payload.isTooLarge
                    ? "an envelope is larger than the buffer and was dropped; raise the buffer to record such envelopes"
                    : "intake full, a large envelope was dropped; is the disk too slow, or the buffer too small?",
                kind: "skipped", at: now.monotonic,
                [
                    "channel": "\(channels[payload.channel])", "id": "\(id.map(String.init) ?? "unknown")",
                    "bytes": "\(payload.bytes)", "buffer": "\(bufferBytes)",
                ])
        case .clockStep(let nanoseconds):
            logger.warning("the clock was set", metadata: ["milliseconds": "\(nanoseconds / 1_000_000)"])
        case .noted(let event) where event.event == "interleaved":
            let logged = channels.firstIndex { event.isOf($0) }.flatMap { wrong.removeValue(forKey: $0) } ?? []
            logger.warning("\(event.event)", metadata: event.interleavingMetadata(wrong: logged))
        // Logged by the part that detected it.
        case .tap(.lost(let bytes)):
            logger.error(
                "part of the replication stream was lost: what was published in it is missing",
                metadata: [
                    "bytes": "\(bytes.map { "\($0)" } ?? "unknown")",
                    "remedy": "raise 'repl-backlog-size' of the server, so that it covers longer outages",
                ])
        case .tap(.resumed(let position)):
            logger.notice(
                "the replication stream continued where it ended, nothing was missed",
                metadata: ["offset": "\(position.offset)"])
        case .batch, .subscribed, .disconnected, .attached, .joined, .left, .missed, .replica, .tap(.reached), .noted,
            .recordingPaused, .recordingResumed, .writingFailed, .writingResumed:
            break
        }
    }

    /// These log lines were wrong: they are withdrawn together with the event that explains them.
    mutating func withdraw(_ events: [CaptureEvent.Withdrawn], channel: Int) {
        if !events.isEmpty { wrong[channel] = events }
    }

    /// Reports suppressed events; see ``EventLog/flush(at:)``.
    mutating func flush(at now: UInt64) { lines.flush(at: now) }
}

extension CaptureEvent {
    /// - Parameter name: of a channel; compared byte by byte.
    func isOf(_ name: String) -> Bool { channel.map { name.isSameOrdinally(as: $0) } ?? false }

    fileprivate var sequenceMetadata: Logger.Metadata {
        var metadata: Logger.Metadata = ["channel": "\(channel ?? "")"]
        if let from { metadata["from"] = "\(from)" }
        if let to { metadata["to"] = "\(to)" }
        if let after { metadata["after"] = "\(after)" }
        if let cause { metadata["cause"] = "\(cause)" }
        if let reason { metadata["reason"] = "\(reason)" }
        return metadata
    }

    /// - Parameter wrong: logged events to withdraw.
    fileprivate func interleavingMetadata(wrong: [Withdrawn]) -> Logger.Metadata {
        let places = databases?.sorted { (Int($0.key) ?? 0) < (Int($1.key) ?? 0) }
            .map { "database \($0.key) at \($0.value)" }.joined(separator: ", ")
        var metadata: Logger.Metadata = [
            "channel": "\(channel ?? "-")", "counters": "\(counters ?? 0)",
            "where": "\(places ?? "not separable: the key cannot be read in each database")",
            "remedy": "applications in different databases share the event key; give each its own",
        ]
        let events = wrong.map { "\($0.event) \($0.from)..\($0.to)" }
        if !events.isEmpty { metadata["was_none"] = "\(events.joined(separator: ", "))" }
        return metadata
    }
}

/// Logs events that may repeat: at most one line per second and kind, followed by the number of suppressed events.
package struct EventLog: Sendable {
    /// Maximum number of kinds; the code uses far fewer.
    private static let kindLimit = 64

    private let logger: Logger
    private var limiter = RepeatLimiter(burst: 1, interval: 1_000_000_000, limit: Self.kindLimit)

    /// - Parameter logger: gets the lines, and the summaries of suppressed ones.
    package init(_ logger: Logger) {
        self.logger = logger
    }

    /// - Parameters:
    ///   - kind: the subject of the line; kinds are limited independently.
    ///   - now: monotonic, in nanoseconds.
    package mutating func write(
        _ level: Logger.Level, _ message: Logger.Message, kind: String, at now: UInt64,
        _ metadata: @autoclosure () -> Logger.Metadata
    ) {
        guard let suppressed = limiter.admit(kind, at: now) else { return }
        var metadata = metadata()
        if suppressed > 0 { metadata["suppressed"] = "\(suppressed)" }
        logger.log(level: level, message, metadata: metadata)
    }

    /// Reports suppressed events, which would otherwise stay unreported.
    ///
    /// - Parameter now: as above; `.max` when stopping.
    package mutating func flush(at now: UInt64) {
        for kept in limiter.ended(at: now) {
            logger.warning(
                "similar events, not logged individually",
                metadata: ["event": "\(kept.message)", "suppressed": "\(kept.count)"])
        }
    }
}
