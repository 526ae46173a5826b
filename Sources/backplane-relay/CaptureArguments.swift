import ArgumentParser
import Backplane
import Capture
import Time

struct CaptureArguments: ParsableArguments {
    @Argument(help: "Directories that 'run --record' wrote, or .mcap files; - is standard input.")
    var capture: [String]

    @Option(
        help: ArgumentHelp("How far the clocks of machines that recorded in parallel may differ.", valueName: "time"))
    var horizon = TimeSpan(nanoseconds: CaptureAlignment.defaultHorizon)

    /// - Parameter streams: how to handle pipes.
    func open(streams: StreamHandling = .read) throws -> CaptureReader {
        try CaptureReader(paths: capture, streams: streams, horizon: horizon.nanoseconds)
    }
}

/// Captures that are files: read several times, so that standard input is refused.
struct CaptureFileArguments: ParsableArguments {
    @Argument(help: "Directories that 'run --record' wrote, or .mcap files.")
    var capture: [String]

    @Option(
        help: ArgumentHelp("How far the clocks of machines that recorded in parallel may differ.", valueName: "time"))
    var horizon = TimeSpan(nanoseconds: CaptureAlignment.defaultHorizon)

    func open() throws -> CaptureReader {
        try CaptureReader(paths: capture, streams: .refuse, horizon: horizon.nanoseconds)
    }
}

extension CaptureReadReport {
    /// Reports on standard error what could not be read, what the recording lost, and what is unknown.
    ///
    /// - Parameter verdict: a more precise verdict than that of the events, or nil.
    /// - Throws: exit status 3 for loss or damage.
    func complain(verdict: RecordingVerdict? = nil) throws {
        let verdict = verdict ?? self.verdict
        reportForeign()
        for loss in lossDescriptions.prefix(20) { StandardError.print("lost: \(loss)") }
        for damage in damage.prefix(20) { StandardError.print("damage: \(damage)") }
        if damage.count > 20 { StandardError.print("damage: and \(Format.count(damage.count - 20, "more place"))") }
        if !damage.isEmpty {
            let places = Format.count(damage.count, "damaged place")
            let unread = Format.count(Int(clamping: unreadBytes), "byte")
            StandardError.print(unreadBytes == 0 ? places : "\(places); \(unread) could not be read")
        }
        if verdict.hasLoss {
            StandardError.print(
                "lost: the recording lost envelopes while it should have run; 'info' says which and why")
        }
        try verdict.exit()
    }

    /// Reports messages of other programs on standard error.
    func reportForeign() {
        let count = foreignTopics.values.reduce(otherForeign, +)
        guard count > 0 else { return }
        let topics = foreignTopics.keys.sorted().prefix(5).map { "'\(PrintableText.line($0.utf8))'" }
        let more = foreignTopics.count > topics.count || otherForeign > 0 ? ", ..." : ""
        StandardError.print(
            "\(Format.count(count, "message")) of other programs skipped: "
                + (foreignTopics.count == 1 ? "topic " : "topics ") + topics.joined(separator: ", ") + more)
    }
}

extension RecordingVerdict {
    /// - Throws: the exit status, unless it is 0.
    func exit() throws {
        if exitStatus != 0 { throw ExitCode(exitStatus) }
    }
}

extension OrdinalNameMap<RecordingDoubt> {
    /// Lines for people, by channel.
    var lines: [String] {
        sorted { OrdinalName($0.key) < OrdinalName($1.key) }.map { channel, doubt in
            "channel \(PrintableText.line(channel.utf8)): \(doubt.text)"
        }
    }
}

/// Captures to compare, each a directory or a segment file.
struct SeveralCaptures: ParsableArguments {
    @Argument(help: "Captures of one backplane, two or more: directories that 'run --record' wrote, or .mcap files.")
    var capture: [String]

    @Option(
        help: ArgumentHelp("How far the clocks of machines that recorded in parallel may differ.", valueName: "time"))
    var horizon = TimeSpan(nanoseconds: CaptureAlignment.defaultHorizon)

    func validate() throws {
        guard (2...64).contains(capture.count) else {
            throw ValidationError("name two captures or more, up to 64; \(capture.count) given")
        }
    }

    /// Envelopes without ids cannot be aligned.
    ///
    /// - Throws: ``CoreNotAligned`` for the first selected hub of ASP.NET Core.
    func checkIDs(_ captures: [CaptureReader], selected: CaptureSelection, purpose: String) throws {
        let hubs = captures.flatMap { $0.backplanes() }.filter { $0.dialect == .core }.map(\.name)
            .filter { selected.channels.isEmpty || selected.channels.contains(OrdinalName($0)) }
        guard let first = hubs.min() else { return }
        throw CoreNotAligned(channel: first, purpose: purpose)
    }

    func open() throws -> [CaptureReader] {
        try capture.map { try CaptureReader(paths: [$0], streams: .refuse, horizon: horizon.nanoseconds) }
    }
}
