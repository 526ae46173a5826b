import Logging
import Prometheus

extension RelayMetrics {
    /// The figures that an operator asks for by SIGUSR1, since the start.
    var statistics: Logger.Metadata {
        var figures: Logger.Metadata = [
            "dropped": "\(droppedTotal)",
            "intake_bytes": "\(Int(intakeBytes.value))",
            "reconnects": "\(reconnects.value)",
            "recorded": "\(recordedEnvelopes.value)",
            "segments": "\(segments.value)",
            "write_errors": "\(writeErrors.value)",
            "written_bytes": "\(writtenBytes.value)",
        ]
        for (name, channel) in zip(channelNames, channels) {
            figures["channel.\(name)"] =
                "envelopes \(channel.envelopes.value), last id \(Int(channel.lastID.value)), missing \(channel.missingIDs.value), duplicates \(channel.duplicateIDs.value), resets \(channel.counterResets.value)"
        }
        return figures
    }
}
