import ArgumentParser
import Capture
import Time

struct RecoverCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "recover",
        abstract: "Save the intact chunks of damaged segments into new files.",
        discussion: """
            Examples:
              backplane-relay recover /var/lib/backplane-relay -o /tmp/saved
              zstd -dc chat.mcap.zst | backplane-relay recover - -o /tmp/saved

            The originals are not touched. Chunks are found wherever they are, also if bytes before them are missing \
            or were inserted. If several files were concatenated, each becomes a file. What was skipped is listed, in \
            bytes.

            A segment that was not closed needs no recovery: every reader opens it, and the next 'run --record' \
            closes it. Exit status 3 if anything was lost or skipped.
            """)

    @OptionGroup var captures: CaptureArguments

    @Option(
        name: [.short, .long],
        help: ArgumentHelp("Directory for the new files; created if it does not exist.", valueName: "dir"))
    var output: String

    func validate() throws {
        if output.isEmpty { throw ValidationError("-o: name a directory") }
    }

    func run() throws {
        var isWhole = true
        for segment in try captures.open().segments {
            let outcome = try CaptureRecovery.recover(segment, into: output, at: .now())
            print(
                "\(outcome.paths.joined(separator: ", "))  \(Format.count(outcome.messages, "message")) in \(Format.count(outcome.chunks, "chunk"))"
            )
            for damage in outcome.damage.prefix(Self.listed) { StandardError.print("lost: \(damage)") }
            if outcome.damage.count > Self.listed {
                StandardError.print("lost: and \(Format.count(outcome.damage.count - Self.listed, "more place"))")
            }
            if outcome.unreadBytes > 0 { StandardError.print(skipped(outcome, of: segment.path)) }
            if outcome.withoutSchema > 0 {
                StandardError.print(
                    "\(Format.count(outcome.withoutSchema, "message")) of other programs written without a schema"
                )
            }
            isWhole = isWhole && outcome.damage.isEmpty
        }
        if !isWhole { throw ExitCode.lossOrDamage }
    }

    private static let listed = 100

    /// The unread ranges of the file.
    private func skipped(_ outcome: CaptureRecovery.Outcome, of path: String) -> String {
        let places = outcome.unread.prefix(20).map { "\($0.lowerBound)..\($0.upperBound - 1)" }
        let count = outcome.unreadBytes
        return "skipped: \(Format.count(Int(clamping: count), "byte")) of '\(path)' could not be read: bytes "
            + places.joined(separator: ", ") + (outcome.unread.count > places.count ? ", ..." : "")
    }
}
