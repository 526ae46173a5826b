import ArgumentParser
import Capture
import Export
import Foundation

struct ExportCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "export",
        abstract: "Write a capture as JSON lines, CSV, or commands for redis-cli.",
        discussion: """
            Example:
              backplane-relay export /var/lib/backplane-relay --format csv --from -1h -o lastHour.csv
              backplane-relay export capture.mcap --format resp | redis-cli -h staging --pipe

            jsonl: an object an envelope, as 'cat --json' prints it. csv: a row a message (RFC 4180). resp: commands that
            publish each envelope by the node's own script, under ids that the server gives.

            FILE gets its name when it is complete; until then it is FILE.part. Exit status 3 if part of the capture could
            not be read or has no place in the form.
            """)

    @OptionGroup var captures: CaptureArguments

    @Option(help: "jsonl, csv or resp.")
    var format: FormatArgument

    @Option(name: [.short, .long], help: "The file to write; standard output without it.")
    var output: String?

    @Flag(help: "Write over a file that exists.")
    var force = false

    @OptionGroup var selection: SelectionOptions

    func run() throws {
        signal(SIGPIPE, SIG_IGN)
        let capture = try captures.open()
        let selection = try selection.selection(of: capture)
        var file = try ExportFile(path: output, replaces: force)
        var exporter = format.format.exporter
        var envelopes = 0
        let bar = ProgressBar(label: "export", total: capture.size, printsMeanwhile: output == nil)
        defer { bar.finish() }
        do {
            try file.append { exporter.begin(into: &$0) }
            let report = try capture.forEach(selection) { item in
                guard case .envelope(let envelope) = item else { return }
                envelopes += 1
                try file.append { exporter.append(envelope, to: &$0) }
            } progress: {
                bar.update(done: $0.done, detail: "\(Format.count(envelopes)) envelopes")
            }
            try file.complete()
            bar.finish()
            if let output { StandardError.print("\(Format.count(envelopes)) envelopes in '\(output)'") }
            if exporter.skipped > 0 {
                StandardError.print("\(Format.count(exporter.skipped)) envelopes have no id, so they are not in it")
            }
            try report.complain()
            if exporter.skipped > 0 { throw ExitCode.lossOrDamage }
        } catch let error as OutputError where error.isBrokenPipe && output == nil {
            return
        } catch {
            if !(error is ExitCode) { file.abandon() }
            throw error
        }
    }
}

struct FormatArgument: ExpressibleByArgument {
    static let allValueStrings = ExportFormat.allCases.map(\.rawValue)

    let format: ExportFormat

    init?(argument: String) {
        guard let format = ExportFormat(rawValue: argument) else { return nil }
        self.format = format
    }
}
