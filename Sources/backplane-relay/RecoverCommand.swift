import ArgumentParser
import Capture

struct RecoverCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "recover",
        abstract: "Save what is whole of damaged or unclosed segments into new files.",
        discussion: """
            Example:
              backplane-relay recover --output /tmp/saved /var/lib/backplane-relay

            The originals are not touched. An unclosed segment alone needs no recovery: every reader opens it, and the
            next 'run --record' closes it. Exit status 3 if anything was lost.
            """)

    @OptionGroup var captures: CaptureArguments

    @Option(help: "Directory for the new files; made if it does not exist.")
    var output: String

    func run() throws {
        var lost = 0
        for segment in try captures.open().segments {
            let outcome = try CaptureRecovery.recover(segment.path, into: output, at: .now())
            print(
                "\(outcome.path)  \(Format.count(outcome.messages, "message")) in \(Format.count(outcome.chunks, "chunk"))"
            )
            for damage in outcome.damage {
                StandardError.print("lost: \(damage)")
                lost += 1
            }
        }
        if lost > 0 { throw ExitCode.lossOrDamage }
    }
}
