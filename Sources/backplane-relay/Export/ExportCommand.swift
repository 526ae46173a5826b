import ArgumentParser
import Capture
import Export

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

struct ExportCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "export",
        abstract: "Write a capture as JSON lines, CSV, a SQLite database, or commands for redis-cli.",
        discussion: """
            Example:
              backplane-relay export /var/lib/backplane-relay --format csv --from -1h -o lastHour.csv
              backplane-relay export capture.mcap --format resp | redis-cli -h staging --pipe
              backplane-relay export capture --format sqlite -o capture.db
              sqlite3 capture.db 'SELECT hub, method, count(*) FROM calls GROUP BY 1, 2'

            jsonl: an object an envelope, as 'cat --json' prints it. csv: a row a message (RFC 4180). resp: commands that
            publish each envelope: of SignalR 2 by the node's own script, under ids that the server gives; of ASP.NET Core
            by PUBLISH on its Redis channel. sqlite: a database with the
            tables envelopes, messages and events, and the view calls.

            FILE gets its name when it is complete; until then it is FILE.part. Exit status 3 if part of the capture could
            not be read or has no place in the form, or the recording lost envelopes in what is selected.
            """)

    @OptionGroup var captures: CaptureArguments

    @Option(help: "jsonl, csv, resp or sqlite.")
    var format: FormatArgument

    @Option(name: [.short, .long], help: "The file to write; standard output without it.")
    var output: String?

    @Flag(help: "Write over a file that exists.")
    var force = false

    @OptionGroup var selection: SelectionOptions

    func validate() throws {
        if format.format == .sqlite, output == nil {
            throw ValidationError("a database is no stream; name a file with -o FILE")
        }
    }

    func run() throws {
        signal(SIGPIPE, SIG_IGN)
        let file = try output.map { try PartFile(path: $0, replaces: force) }
        do {
            let capture = try captures.open()
            if let exporter = format.format.exporter(of: capture.backplanes()) {
                try export(capture, by: exporter, to: file)
            } else if let file {
                try exportDatabase(capture, to: file)
            }
        } catch let error as OutputError where error.isBrokenPipe && output == nil {
            return
        } catch {
            if !(error is ExitCode) { file?.abandon() }
            throw error
        }
    }

    private func export(_ capture: CaptureReader, by exporter: any Exporter, to file: PartFile?) throws {
        var exporter = exporter
        var destination = try ExportFile(file)
        try destination.append { exporter.begin(into: &$0) }
        let report = try read(capture) { item in
            guard case .envelope(let envelope) = item else { return }
            try destination.append { exporter.append(envelope, to: &$0) }
        }
        try destination.complete()
        try tell(report, skipped: exporter.skipped)
    }

    private func exportDatabase(_ capture: CaptureReader, to file: PartFile) throws {
        // SQLite opens it again: an empty file is an empty database, and the mode is ours.
        let descriptor = try file.open()
        var report = Report()
        try SQLiteExport.write(to: file.part) { export in report = try read(capture, export.append) }
        try file.complete(descriptor)
        try tell(report, skipped: 0)
    }

    private struct Report {
        var envelopes = 0
        var reading = CaptureReadReport()
    }

    private func read(_ capture: CaptureReader, _ body: (CaptureItem) throws -> Void) throws -> Report {
        let selection = try selection.selection(of: capture)
        var report = Report()
        let bar = ProgressBar(label: "export", total: capture.knownSize, printsMeanwhile: output == nil)
        defer { bar.finish() }
        report.reading = try capture.forEach(selection) { item in
            if case .envelope = item { report.envelopes += 1 }
            try body(item)
        } progress: {
            bar.update(done: $0.done, detail: Format.count(report.envelopes, "envelope"))
        }
        return report
    }

    private func tell(_ report: Report, skipped: Int) throws {
        if let output { StandardError.print("\(Format.count(report.envelopes, "envelope")) in '\(output)'") }
        if skipped > 0 {
            StandardError.print("\(Format.count(skipped, "envelope has", "envelopes have")) no id, so not in it")
        }
        try report.reading.complain()
        if skipped > 0 { throw ExitCode.lossOrDamage }
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
