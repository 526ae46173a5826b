import ArgumentParser
import Backplane
import Capture
import FoundationEssentials

struct InfoCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "info",
        abstract: "Show what is in a capture, and whether its ids are complete.",
        discussion: """
            Examples:
              backplane-relay info /var/lib/backplane-relay
              backplane-relay info --json *.mcap

            Exit status 3 if the recording lost envelopes while it should have run (connection lost, intake or disk \
            full), or part of the capture is damaged or gone. 0 if ids are missing because no relay recorded or no \
            node published them, and if completeness is unknown: "complete" in --json is true, false or null.
            """)

    @OptionGroup var captures: CaptureArguments

    @Flag(help: "Print one JSON object.")
    var json = false

    func run() throws {
        let capture = try captures.open()
        let bar = ProgressBar(label: "info", total: capture.knownSize)
        defer { bar.finish() }
        let summary = try CaptureSummary(of: capture) { bar.update(done: $0.done) }
        bar.finish()
        if json {
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
            print(json: String(decoding: try encoder.encode(summary), as: UTF8.self))
        } else {
            print(InfoTable(summary).text)
        }
        for damage in summary.damage { StandardError.print("damage: \(damage)") }
        try summary.verdict.exit()
    }
}

/// A summary as a table.
struct InfoTable {
    private static let listedHoles = 20
    private static let sparklineWidth = 60
    private let summary: CaptureSummary

    init(_ summary: CaptureSummary) {
        self.summary = summary
    }

    var text: String {
        var lines = segmentLines
        if let first = summary.firstReceivedAt, let last = summary.lastReceivedAt {
            lines.append(row("received", "\(first) to \(last) (\(Format.seconds(summary.durationSeconds)))"))
        }
        let rate = summary.rate.map { ", \(Format.decimal($0, digits: 1))/s" } ?? ""
        lines.append(row("envelopes", "\(Format.count(summary.envelopes))\(rate)"))
        lines += profileLines
        lines.append(row("bytes", sizes))
        if summary.payload != ["full"], !summary.payload.isEmpty {
            lines.append(row("payload", summary.payload.joined(separator: ", ")))
        }
        if !summary.redactedKeys.isEmpty {
            lines.append(row("redacted", summary.redactedKeys.joined(separator: ", ")))
        }
        if let names = summary.names { lines.append(row("names", names)) }
        if let erased = summary.erased {
            let removed = Format.count(erased.removed, "envelope")
            let changed = "names taken out of \(Format.count(erased.changed))"
            lines.append(row("erased", "\(removed) taken out, \(changed), for privacy"))
        }
        if summary.lostWithoutIDs > 0 {
            let lost = Format.count(summary.lostWithoutIDs, "envelope")
            lines.append(row("lost", "\(lost) received and not recorded, ids unknown"))
        }
        if summary.unreadBytes > 0 {
            let count = Int(clamping: summary.unreadBytes)
            lines.append(row("unread", "\(Format.count(count, "byte")) \(count == 1 ? "is" : "are") damaged"))
        }
        for (topic, count) in summary.foreignTopics.sorted(by: { $0.key < $1.key }).prefix(Self.listedHoles) {
            lines.append(
                row(
                    "other",
                    "\(Format.count(count, "message")) of another program on '\(PrintableText.line(topic.utf8))'"))
        }
        if let text = summary.replication?.text { lines.append(row("replication", text)) }
        if !summary.events.isEmpty { lines.append(row("events", list(summary.events.named))) }
        for channel in summary.channels { lines += channelLines(channel) }
        return lines.joined(separator: "\n")
    }

    private var segmentLines: [String] {
        let states = Dictionary(grouping: summary.segments, by: \.state).mapValues(\.count)
        var lines = [row("segments", "\(summary.segments.count) (\(list(states, countFirst: true)))")]
        for segment in summary.segments {
            let state = segment.state == "closed" ? "" : "  \(segment.state)"
            lines.append(row("", "\(segment.path)  \(Format.bytes(Int(segment.bytes)))\(state)"))
        }
        return lines + recordingLines
    }

    private var recordingLines: [String] {
        guard summary.recordings.count > 1 else { return [] }
        let what = "\(summary.recordings.count), in parallel; envelopes that several of them have count once"
        return [row("recordings", what)]
            + summary.recordings.map { recording in
                let host = recording.host.map { "by \(PrintableText.line($0.utf8)), " } ?? ""
                let segments = Format.count(recording.segments, "segment")
                return row("", "\(host)\(segments), \(Format.count(recording.envelopes, "envelope"))")
            }
    }

    private var profileLines: [String] {
        let line = Sparkline(summary.profile, width: Self.sparklineWidth)
        guard line.bars.count > 1 else { return [] }
        var lines = [row("rate", "\(line.bars)  up to \(Format.decimal(line.peakPerSecond, digits: 1))/s")]
        if !line.marks.isEmpty { lines.append(row("holes", line.marks)) }
        return lines
    }

    private var sizes: String {
        guard summary.fileBytes > 0, summary.bytes > 0 else { return "0" }
        let ratio = Double(summary.bytes) / Double(summary.fileBytes)
        return "\(Format.bytes(summary.bytes)) of payloads in \(Format.bytes(Int(summary.fileBytes))) of files "
            + "(ratio \(Format.decimal(ratio, digits: 2)))"
    }

    private func channelLines(_ channel: CaptureSummary.Channel) -> [String] {
        let core = channel.core.map { core in
            core.prefix.isEmpty
                ? " (ASP.NET Core)" : " (ASP.NET Core, prefix \(PrintableText.line(core.prefix.utf8)))"
        }
        var lines = ["", row("channel", PrintableText.line(channel.channel.utf8) + (core ?? ""))]
        let mean = channel.envelopes > 0 ? channel.bytes / channel.envelopes : 0
        lines.append(
            row(
                "envelopes",
                "\(Format.count(channel.envelopes)) of \(Format.bytes(channel.smallest)) to \(Format.bytes(channel.largest)), mean \(Format.bytes(mean))"
            ))
        if !channel.messages.isEmpty { lines.append(row("messages", list(channel.messages))) }
        if !channel.undecodable.isEmpty { lines.append(row("undecodable", list(channel.undecodable))) }
        if !channel.oddities.isEmpty { lines.append(row("odd", list(channel.oddities))) }
        if let core = channel.core { return lines + coreLines(core) }
        if channel.duplicateIDs > 0 { lines.append(row("duplicates", Format.count(channel.duplicateIDs))) }
        for reset in channel.counterResets.prefix(Self.listedHoles) {
            lines.append(row("counter reset", "from \(reset.from) to \(reset.to)"))
        }
        lines.append(row("ids", verdict(channel)))
        if let doubt = channel.mayBeMissing { lines.append(row("", "cannot tell: \(doubt.text)")) }
        if let counters = channel.counters { lines.append(row("counters", text(of: counters))) }
        for hole in channel.holes.prefix(Self.listedHoles) {
            lines.append(row("", "missing \(hole.from)..\(hole.to) (\(Format.count(hole.count))): \(hole.cause)"))
        }
        if channel.holeCount > Self.listedHoles {
            lines.append(
                row("", "and \(Format.count(channel.holeCount - Self.listedHoles, "more hole")); --json lists them"))
        }
        return lines
    }

    private func coreLines(_ core: CaptureSummary.Core) -> [String] {
        var lines: [String] = []
        if !core.protocols.isEmpty { lines.append(row("protocols", list(core.protocols))) }
        for (name, count) in core.lackingProtocol.sorted(by: { $0.key < $1.key }) {
            let verb = count == 1 ? "lacks" : "lack"
            lines.append(
                row(
                    "",
                    "\(Format.count(count, "envelope")) \(verb) \(PrintableText.line(name.utf8)), which other envelopes contain: nodes disconnect clients that need it"
                ))
        }
        if core.groupCommands > 0 || core.acksWithoutCommand > 0 {
            var parts = ["\(Format.count(core.commandsWithoutAck)) without ack within 30 s"]
            if core.commandsWaiting > 0 {
                parts.append("\(Format.count(core.commandsWaiting)) not answered yet at the end")
            }
            parts.append("\(Format.count(core.acksWithoutCommand, "ack")) without command")
            lines.append(row("commands", "\(Format.count(core.groupCommands)): " + parts.joined(separator: ", ")))
        }
        if core.pings > 0 || core.pingAcks > 0 {
            lines.append(
                row(
                    "pings",
                    "\(Format.count(core.pings)) of a relay (run --ping), \(Format.count(core.pingAcks)) answered; not among the commands"
                ))
        }
        lines.append(row("ids", "none: " + core.completeness))
        return lines
    }

    private func verdict(_ channel: CaptureSummary.Channel) -> String {
        guard let first = channel.firstID, let last = channel.lastID else {
            return channel.missingIDs == 0 ? "none" : "none, \(Format.count(channel.missingIDs)) missing"
        }
        if let counters = channel.counters {
            return
                "\(first)..\(last) of \(counters.count) counters that publish in turn: which ids are missing is unknown"
        }
        if channel.missingIDs == 0, channel.counterResets.isEmpty {
            let isComplete = channel.mayBeMissing == nil && summary.lostWithoutIDs == 0
            return "\(isComplete ? "complete: " : "")ids \(first)..\(last), 0 missing\(isComplete ? "" : " in between")"
        }
        return
            "ids \(first)..\(last), \(Format.count(channel.missingIDs)) missing in \(Format.count(channel.holeCount, "hole"))"
    }

    private func text(of counters: CaptureSummary.Counters) -> String {
        guard counters.separable else {
            return
                "not separable: the relay could not read the key in each database; give each application its own event key"
        }
        return counters.parts.map { "database \($0.database): ids \($0.firstID)..\($0.lastID)" }.joined(separator: ", ")
            + "; give each application its own event key"
    }

    private func row(_ label: String, _ value: String) -> String {
        label.padding(to: 14) + value
    }

    private func list(_ counts: [String: Int], countFirst: Bool = false) -> String {
        counts.sorted { ($1.value, $0.key) < ($0.value, $1.key) }.map { name, count in
            countFirst ? "\(count) \(name)" : "\(name) \(Format.count(count))"
        }.joined(separator: ", ")
    }
}

extension [String: Int] {
    /// Counts by event, with names that are understood without an explanation.
    fileprivate var named: [String: Int] {
        var named = self
        for event in ["attached", "detached"] {
            if let hubs = named.removeValue(forKey: event) { named["hubs " + event] = hubs }
        }
        return named
    }
}

/// A ``RateProfile`` as two lines of text: bars in eighths, and marks below spans with holes.
struct Sparkline {
    private static let bars: [Character] = [" ", "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"]
    private static let hole: Character = "×"

    /// Empty spans are blank; spans with little have the lowest bar.
    let bars: String
    /// A mark below each bar where something is missing; empty if nothing is missing.
    let marks: String
    /// The value of the highest bar.
    let peakPerSecond: Double

    /// - Parameter width: columns, at least 1; the maximum number of spans drawn.
    init(_ profile: RateProfile, width: Int) {
        let step = max(1, (profile.counts.count + width - 1) / width)
        let starts = stride(from: 0, to: profile.counts.count, by: step)
        let counts = starts.map { profile.counts[$0..<min($0 + step, profile.counts.count)].reduce(0, +) }
        let holes = starts.map { profile.holes[$0..<min($0 + step, profile.holes.count)].contains(true) }
        let peak = counts.max() ?? 0
        bars = String(
            counts.map { count in
                Self.bars[count == 0 ? 0 : max(1, (count * (Self.bars.count - 1) + peak - 1) / peak)]
            })
        var line = holes.map { $0 ? Self.hole : " " }
        while line.last == " " { line.removeLast() }
        marks = String(line)
        peakPerSecond = Double(peak) / (profile.seconds * Double(step))
    }
}
