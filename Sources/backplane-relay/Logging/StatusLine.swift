import LivePage
import Relay
import Time

/// The status line of `run` on a terminal: the live page's sentences, and what is written.
struct StatusLine {
    private var last: RelaySnapshot?

    /// - Parameter width: columns of the terminal.
    mutating func text(_ glance: RelaySnapshot, width: Int) -> String {
        defer { last = glance }
        var parts = [channels(glance.channels, areRecorded: glance.records)]
        if glance.writtenBytes > 0 {
            let rate = last.map { "\(Format.bytes(max(0, glance.writtenBytes - $0.writtenBytes)))/s, " } ?? ""
            let ratio = Double(glance.recordedBytes) / Double(glance.writtenBytes)
            parts.append(
                "written \(rate)\(Format.bytes(glance.writtenBytes)), ratio \(Format.decimal(ratio, digits: 1))")
        }
        // A line of the full width might make the terminal scroll.
        let (line, room) = (parts.joined(separator: "  "), max(3, width - 1))
        return line.count <= room ? line : line.prefix(room - 3) + "..."
    }

    /// With several channels, those that need action, if any.
    private func channels(_ channels: [RelaySnapshot.Channel], areRecorded: Bool) -> String {
        if channels.count == 1 { return describe(channels[0]) }
        let troubled = channels.filter { !$0.isCalm }
        guard !troubled.isEmpty else {
            // After a minute a loss is no longer a problem to act on, but ids stay missing.
            let missing = channels.reduce(0) { $0 + $1.missing }
            let hubs = channels.count { $0.isHub }
            let state =
                if missing > 0 {
                    "no trouble now, ids missing since the start: \(Format.count(missing))"
                } else if hubs == channels.count {
                    "no trouble, completeness unknown"
                } else {
                    hubs == 0 ? "nothing missing" : "nothing missing of SignalR 2, unknown for ASP.NET Core"
                }
            return "\(Self.number(of: channels)), \(state)" + (areRecorded ? "" : ", not recorded")
        }
        return "\(troubled.count) of \(Self.number(of: channels)): " + troubled.map(describe).joined(separator: "; ")
    }

    /// `2 channels`, `3 hubs`, `1 channel and 3 hubs`.
    private static func number(of channels: [RelaySnapshot.Channel]) -> String {
        let hubs = channels.count { $0.isHub }
        let keys = channels.count - hubs
        if hubs == 0 { return Format.count(keys, "channel") }
        return (keys == 0 ? "" : Format.count(keys, "channel") + " and ") + Format.count(hubs, "hub")
    }

    private func describe(_ channel: RelaySnapshot.Channel) -> String {
        var sentence = channel.sentence
        for (index, time) in channel.times.enumerated() {
            sentence.replace("{\(index)}", with: LocalTime.clock(at: time))
        }
        return MessageLine.printable("\(channel.name)  \(sentence)".utf8)
    }
}
