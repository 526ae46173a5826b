import Backplane
import CLinux
import Capture
import SystemPackage

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// Results go to standard output, buffered; everything else goes to standard error.
struct StandardOutput: ~Copyable {
    private static let pieceSize = 64 * 1024

    private var buffer: [UInt8] = []
    private let descriptor: CInt = STDOUT_FILENO

    init() {
        buffer.reserveCapacity(Self.pieceSize * 2)
    }

    /// Lets `body` append, then writes if there is enough.
    mutating func append(_ body: (inout [UInt8]) -> Void) throws {
        body(&buffer)
        if buffer.count >= Self.pieceSize { try flush() }
    }

    mutating func flush() throws {
        defer { buffer.removeAll(keepingCapacity: true) }
        // Colours are our own control characters; others, such as those in a JSON string, are replaced.
        try Self.write(Self.isTerminal ? PrintableText.withoutSteering(coloured: buffer) : buffer, to: descriptor)
    }

    /// Writes all bytes, even if the system accepts only part of them at a time.
    ///
    /// - Parameter place: names the descriptor in the error.
    static func write(
        _ bytes: [UInt8], to descriptor: CInt, place: String = OutputError.standardOutput
    ) throws {
        var done = 0
        while done < bytes.count {
            let count = bytes.withUnsafeBytes {
                Glibc.write(descriptor, $0.baseAddress.map { $0 + done }, $0.count - done)
            }
            if count < 0 {
                if errno == EINTR { continue }
                throw OutputError(code: errno, place: place)
            }
            done += count
        }
    }

    static func print(lines: [String]) throws {
        var output = StandardOutput()
        try output.append { bytes in
            for line in lines { bytes.append(contentsOf: (PrintableText.lines(line) + "\n").utf8) }
        }
        try output.flush()
    }

    /// Flushes the output of `print`.
    ///
    /// - Throws: ``OutputError`` if anything could not be written since the start.
    static func requirePrinted() throws {
        let code = clinux_flush_standard_output()
        if code != 0 { throw OutputError(code: code) }
    }

    static var isTerminal: Bool { isatty(STDOUT_FILENO) == 1 }

    /// Columns of the terminal.
    static var width: Int { StandardError.width(of: STDOUT_FILENO) }
}

struct OutputError: Error, CustomStringConvertible {
    static let standardOutput = "standard output"

    let code: Int32
    var place = standardOutput

    var description: String { "cannot write to \(place): \(SystemReason.text(code))" }

    /// The reader has closed the pipe, like `head`: not worth a message.
    var isBrokenPipe: Bool { code == EPIPE }

    /// The same for standard output, where it ends a command quietly.
    var isReaderGone: Bool { isBrokenPipe && place == Self.standardOutput }
}

/// Replaces Swift's function: control characters in names from the wire cannot reach the terminal.
func print(_ text: String) { Swift.print(PrintableText.lines(text)) }

/// Equivalent JSON without control characters; for people and programs.
func print(json text: String) { Swift.print(PrintableText.json(text)) }

enum StandardError {
    static func print(_ text: String) {
        write(PrintableText.lines(text) + "\n")
    }

    /// Without a line break.
    static func write(_ text: String) {
        let bytes = Array(text.utf8)
        // A failure cannot be reported anywhere.
        _ = bytes.withUnsafeBytes { Glibc.write(STDERR_FILENO, $0.baseAddress, $0.count) }
    }

    static var isTerminal: Bool { isatty(STDERR_FILENO) == 1 }

    /// Columns of the terminal.
    static var width: Int { width(of: STDERR_FILENO) }

    fileprivate static func width(of descriptor: CInt) -> Int {
        var size = winsize()
        guard ioctl(descriptor, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0 else { return 80 }
        return Int(size.ws_col)
    }
}

enum StandardInput {
    static var isTerminal: Bool { isatty(STDIN_FILENO) == 1 }
}
