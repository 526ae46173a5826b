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
            Examples:
              backplane-relay export captures --format csv --from -1h -o lastHour.csv
              backplane-relay export captures --format resp | redis-cli -h staging --pipe
              backplane-relay export captures --format sqlite -o capture.db
              sqlite3 capture.db 'SELECT hub, method, count(*) FROM calls GROUP BY 1, 2'

            jsonl: one object per envelope, as 'cat --json' prints it. csv: one row per message (RFC 4180). resp: \
            commands that publish each envelope: for SignalR 2 with the node's own script, with ids that the server \
            assigns; for ASP.NET Core with PUBLISH on its Redis channel. sqlite: a database with the tables envelopes, messages and \
            events, and the view calls.

            The file gets its name when it is complete; until then it is FILE.part. Exit status 3 if part of the \
            capture could not be read or does not fit the format, or the recording lost envelopes in what is \
            selected.
            """)

    @OptionGroup var captures: CaptureArguments

    @Option(help: ArgumentHelp("jsonl, csv, resp or sqlite.", valueName: "format"))
    var format: FormatArgument

    @Option(
        name: [.short, .long],
        help: ArgumentHelp("File to write; standard output without it, and for -.", valueName: "file"))
    var output: String?

    @Flag(help: "Overwrite an existing file.")
    var force = false

    @OptionGroup(title: "Selection") var selection: SelectionOptions

    func validate() throws {
        if output?.isEmpty == true { throw ValidationError("-o: name a file") }
        if format.format == .sqlite, path == nil {
            throw ValidationError("a database cannot be streamed; name a file with -o FILE")
        }
    }

    /// nil for standard output, also for `-`.
    private var path: String? { output == "-" ? nil : output }

    private func requireFile(_ file: PartFile) throws {
        guard file.isStream else { return }
        throw ValidationError(
            "'\(file.path)' is not a file, and a database cannot be streamed; name a file with -o FILE")
    }

    func run() throws {
        signal(SIGPIPE, SIG_IGN)
        let file = try path.map { try PartFile(path: $0, replaces: force) }
        do {
            let capture = try captures.open()
            if let exporter = format.format.exporter(of: capture.backplanes()) {
                try export(capture, by: exporter, to: file)
            } else if let file {
                try exportDatabase(capture, to: file)
            }
        } catch let error as OutputError where error.isBrokenPipe && (file?.isStream ?? true) {
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
        try complain(report, skipped: exporter.skipped)
    }

    private func exportDatabase(_ capture: CaptureReader, to file: PartFile) throws {
        try requireFile(file)
        // SQLite reopens it: an empty file is an empty database, and this way we set its mode.
        let descriptor = try file.open()
        var report = Report()
        try SQLiteExport.write(to: file.part) { export in report = try read(capture, export.append) }
        try file.complete(descriptor)
        try complain(report, skipped: 0)
    }

    private struct Report {
        var envelopes = 0
        var reading = CaptureReadReport()
    }

    private func read(_ capture: CaptureReader, _ body: (CaptureItem) throws -> Void) throws -> Report {
        let selection = try selection.selection(of: capture)
        var report = Report()
        let bar = ProgressBar(label: "export", total: capture.knownSize, printsMeanwhile: path == nil)
        defer { bar.finish() }
        report.reading = try capture.forEach(selection) { item in
            if case .envelope = item { report.envelopes += 1 }
            try body(item)
        } progress: {
            bar.update(done: $0.done, detail: Format.count(report.envelopes, "envelope"))
        }
        return report
    }

    private func complain(_ report: Report, skipped: Int) throws {
        if let path { StandardError.print("\(Format.count(report.envelopes, "envelope")) in '\(path)'") }
        if skipped > 0 {
            StandardError.print("\(Format.count(skipped, "envelope has", "envelopes have")) no id and were left out")
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

/// The destination of a text export: standard output, or a file.
struct ExportFile: ~Copyable {
    private static let pieceSize = 256 * 1024

    private let file: PartFile?
    private let descriptor: CInt
    private var buffer: [UInt8] = []

    /// - Parameter file: nil for standard output.
    init(_ file: PartFile?) throws {
        self.file = file
        descriptor = try file?.open() ?? STDOUT_FILENO
    }

    mutating func append(_ body: (inout [UInt8]) -> Void) throws {
        body(&buffer)
        if buffer.count >= Self.pieceSize { try flush() }
    }

    /// Writes the rest; a file is renamed to its final name.
    mutating func complete() throws {
        try flush()
        try file?.complete(descriptor)
    }

    private mutating func flush() throws {
        defer { buffer.removeAll(keepingCapacity: true) }
        try StandardOutput.write(
            buffer, to: descriptor,
            place: file.map { "'\($0.isStream ? $0.path : $0.part)'" } ?? OutputError.standardOutput)
    }
}

/// A file that is `<name>.part` until it is complete.
struct PartFile {
    let path: String
    var part: String { path + ".part" }

    /// A device, a pipe, or the target of a kernel link: written directly. Replacing it by a file would remove, say,
    /// `/dev/null` for the whole machine.
    let isStream: Bool

    /// - Throws: `ValidationError` if it exists and must not be replaced; ``OutputError`` for a directory.
    init(path: String, replaces: Bool) throws {
        let kind = Self.kind(path) { stat($0, $1) }
        if kind == S_IFDIR { throw OutputError(code: EISDIR, place: "'\(path)'") }
        let isKernelLink =
            Self.kind(path, { lstat($0, $1) }) == S_IFLNK && ["/dev/", "/proc/"].contains { path.hasPrefix($0) }
        isStream = kind.map { $0 != S_IFREG } ?? false || isKernelLink
        if !replaces, !isStream, kind != nil {
            throw ValidationError("'\(path)' exists; name another file, or use --force to overwrite it")
        }
        self.path = path
    }

    /// Starts over, readable by the owner only: a capture contains what users wrote.
    func open() throws -> CInt {
        if isStream {
            let descriptor = Glibc.open(path, O_WRONLY | O_APPEND | O_CLOEXEC)
            guard descriptor >= 0 else { throw OutputError(code: errno, place: "'\(path)'") }
            return descriptor
        }
        unlink(part)
        let descriptor = Glibc.open(part, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else {
            throw OutputError(code: errno, place: "'\(part)'")
        }
        return descriptor
    }

    /// - Parameter descriptor: of the part file, open for writing; closed here.
    func complete(_ descriptor: CInt) throws {
        if isStream {
            guard close(descriptor) == 0 else { throw OutputError(code: errno, place: "'\(path)'") }
            return
        }
        guard fsync(descriptor) == 0 || errno == EINVAL, close(descriptor) == 0, rename(part, path) == 0 else {
            throw OutputError(code: errno, place: "'\(path)'")
        }
    }

    /// Removes the incomplete file.
    func abandon() {
        if !isStream { unlink(part) }
    }

    /// The type of a file, as in `st_mode`; nil if there is none.
    private static func kind(
        _ path: String, _ look: (UnsafePointer<CChar>, UnsafeMutablePointer<stat>) -> Int32
    ) -> mode_t? {
        var status = stat()
        return look(path, &status) == 0 ? status.st_mode & S_IFMT : nil
    }
}
