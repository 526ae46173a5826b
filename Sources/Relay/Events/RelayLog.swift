import Redis
import Capture
import Logging

/// Writes the events of a relay into its log, those that may come again and again at most one a second.
struct RelayLog {
    let context: RelayContext
    private let bufferBytes: Int
    private var lines: EventLog

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
                .error, "intake full, envelopes dropped; is the disk too slow, or --buffer too small?", kind: "dropped",
                at: now.monotonic, ["envelopes": "\(envelopes)", "bytes": "\(bytes)"])
        case .skipped(let payload, let id):
            lines.write(
                .error,
                payload.isTooLarge
                    ? "an envelope is larger than --buffer and was dropped while it came in; raise --buffer to record such envelopes"
                    : "intake full, a large envelope was dropped while it came in; is the disk too slow, or --buffer too small?",
                kind: "skipped", at: now.monotonic,
                [
                    "channel": "\(channels[payload.channel])", "id": "\(id.map(String.init) ?? "unknown")",
                    "bytes": "\(payload.bytes)", "buffer": "\(bufferBytes)",
                ])
        case .clockStep(let nanoseconds):
            logger.warning("the clock was set", metadata: ["milliseconds": "\(nanoseconds / 1_000_000)"])
        case .noted(let event) where event.event == "interleaved":
            logger.warning("\(event.event)", metadata: event.interleavingMetadata)
        // Told by the part that found it out.
        case .batch, .subscribed, .disconnected, .noted, .recordingPaused, .recordingResumed, .writingFailed,
            .writingResumed:
            break
        }
    }

    /// Says what is held back; see ``EventLog/flush(at:)``.
    mutating func flush(at now: UInt64) { lines.flush(at: now) }
}

extension CaptureEvent {
    fileprivate var sequenceMetadata: Logger.Metadata {
        var metadata: Logger.Metadata = ["channel": "\(channel ?? "")"]
        if let from { metadata["from"] = "\(from)" }
        if let to { metadata["to"] = "\(to)" }
        if let after { metadata["after"] = "\(after)" }
        if let cause { metadata["cause"] = "\(cause)" }
        if let reason { metadata["reason"] = "\(reason)" }
        return metadata
    }

    fileprivate var interleavingMetadata: Logger.Metadata {
        let places = databases?.sorted { (Int($0.key) ?? 0) < (Int($1.key) ?? 0) }
            .map { "database \($0.key) at \($0.value)" }.joined(separator: ", ")
        return [
            "channel": "\(channel ?? "-")", "counters": "\(counters ?? 0)",
            "where": "\(places ?? "not separable: the key cannot be read in each database")",
            "remedy": "applications in different databases share the event key; give each its own",
        ]
    }
}
