import ArgumentParser
import Capture

struct VerifyCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "verify",
        abstract: "Check every checksum and cross-reference of a capture.",
        discussion: """
            Example:
              backplane-relay verify /var/lib/backplane-relay

            Exit status 0 if every byte is accounted for, 3 if anything is damaged or torn off; 'recover' then saves what
            is whole.
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
            bar.update(done: $0.done, detail: "\(Format.count(envelopes)) envelopes")
        }
        bar.finish()
        for segment in report.segments {
            let damaged = report.damage.filter { $0.path == segment.path }.count
            print(
                "\(damaged == 0 ? "ok     " : "DAMAGED")  \(segment.path)  \(segment.state.rawValue), \(Format.count(segment.envelopes)) envelopes"
            )
        }
        try report.complain()
        let count = report.segments.count
        print(
            "\(Format.count(envelopes)) \(envelopes == 1 ? "envelope" : "envelopes") in \(count) \(count == 1 ? "segment" : "segments"): no damage"
        )
    }
}
