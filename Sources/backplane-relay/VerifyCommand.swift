import ArgumentParser
import Capture

struct VerifyCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "verify",
        abstract: "Check every checksum and cross-reference of a capture.",
        discussion: """
            Examples:
              backplane-relay verify /var/lib/backplane-relay

            Exit status 3 if anything is damaged or cut off ('recover' saves what is intact), or if the recording \
            lost envelopes while it should have run. 0 otherwise, also if that is unknown; the last line says so.
            """)

    @OptionGroup var captures: CaptureArguments

    func run() throws {
        var envelopes = 0
        let capture = try captures.open()
        let bar = ProgressBar(label: "verify", total: capture.knownSize)
        defer { bar.finish() }
        let report = try capture.forEach { item in
            if case .envelope = item { envelopes += 1 }
        } progress: {
            bar.update(done: $0.done, detail: Format.count(envelopes, "envelope"))
        }
        bar.finish()
        for segment in report.segments {
            let damaged = report.damage.filter { $0.path == segment.path }.count
            print(
                "\(damaged == 0 ? "ok     " : "DAMAGED")  \(segment.path)  \(segment.state.rawValue), \(Format.count(segment.envelopes, "envelope"))"
            )
        }
        if report.damage.isEmpty {
            print(
                "\(Format.count(envelopes, "envelope")) in \(Format.count(report.segments.count, "segment")): no damage, \(Self.text(report.verdict))"
            )
        }
        for line in report.doubts.lines { print(line) }
        if report.hasWireWithoutIDs {
            print(
                "hubs of ASP.NET Core: \(report.replication.text ?? CaptureSummary.Core.incompleteness)")
        }
        try report.complain()
    }

    private static func text(_ verdict: RecordingVerdict) -> String {
        if verdict.hasLoss { return "but envelopes were lost" }
        return switch verdict.isComplete {
        case true: "ids complete"
        case false: "ids are missing that this recording did not cover; 'info' lists them"
        case nil: "whether ids are missing is unknown"
        }
    }
}
