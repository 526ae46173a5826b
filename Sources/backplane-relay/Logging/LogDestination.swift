import ArgumentParser
import Backplane
import Capture
import JSON
import Logging
import NIOConcurrencyHelpers
import SystemPackage
import Time

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// The destination of log lines: standard error, or a file that can be reopened after `logrotate` has moved it.
final class LogDestination: Sendable {
    private struct State {
        var descriptor: CInt
        /// The program has fewer distinct messages than the limit.
        var limiter = RepeatLimiter(burst: 5, interval: 10_000_000_000, limit: 256)
        /// Below the log on a terminal; empty if there is none.
        var statusLine = ""
    }

    private let path: String?
    private let format: LogFormat
    private let state: NIOLockedValueBox<State>

    static func standardError(format: LogFormat) -> LogDestination {
        LogDestination(path: nil, format: format, descriptor: STDERR_FILENO)
    }

    /// - Throws: ``LogFileError`` if the file cannot be opened.
    static func file(_ path: String, format: LogFormat) throws -> LogDestination {
        LogDestination(path: path, format: format, descriptor: try open(path))
    }

    private init(path: String?, format: LogFormat, descriptor: CInt) {
        self.path = path
        self.format = format
        state = NIOLockedValueBox(State(descriptor: descriptor))
    }

    deinit {
        let descriptor = state.withLockedValue { $0.descriptor }
        if descriptor != STDERR_FILENO { close(descriptor) }
    }

    /// Reopens the file; does nothing for standard error. If the file cannot be opened, the old one stays in use.
    ///
    /// - Throws: ``LogFileError``.
    func reopen() throws {
        guard let path else { return }
        let new = try Self.open(path)
        let old = state.withLockedValue { state in
            defer { state.descriptor = new }
            return state.descriptor
        }
        close(old)
    }

    func write(level: Logger.Level, message: String, metadata: [(key: String, value: String)]) {
        let now = Moment.now()
        state.withLockedValue { state in
            var lines: [UInt8] = []
            for omitted in state.limiter.ended(at: now.monotonic) { append(omitted, at: now, to: &lines) }
            // Debug levels are for short sessions and are not limited.
            if level <= .debug || state.limiter.admit(message, at: now.monotonic) != nil {
                lines += format.line(time: now.realtime, level: level, message: message, metadata: metadata)
            }
            Self.write(lines, above: state.statusLine, to: state.descriptor)
        }
    }

    /// Keeps a line below the log, on standard error; an empty text removes it. Does nothing unless that is a terminal.
    func show(statusLine text: String) {
        guard StandardError.isTerminal else { return }
        state.withLockedValue { state in
            guard text != state.statusLine else { return }
            state.statusLine = text
            Self.write(Array(("\r" + text + Self.clearToEnd).utf8), to: STDERR_FILENO)
        }
    }

    /// Called at the end of the program: reports suppressed lines.
    func finish() {
        let now = Moment.now()
        state.withLockedValue { state in
            var lines: [UInt8] = []
            for omitted in state.limiter.ended(at: now.monotonic, all: true) { append(omitted, at: now, to: &lines) }
            Self.write(lines, above: state.statusLine, to: state.descriptor)
        }
    }

    private func append(_ omitted: RepeatLimiter.Omitted, at now: Moment, to lines: inout [UInt8]) {
        lines += format.line(
            time: now.realtime, level: .notice, message: "repeated lines suppressed",
            metadata: [("count", "\(omitted.count)"), ("line", omitted.message)])
    }

    private static let clearToEnd = "\u{1B}[K"

    private static func write(_ lines: [UInt8], above statusLine: String, to descriptor: CInt) {
        guard !statusLine.isEmpty, !lines.isEmpty, descriptor == STDERR_FILENO else {
            return write(lines, to: descriptor)
        }
        write(Array(("\r" + clearToEnd).utf8) + lines + Array(statusLine.utf8), to: descriptor)
    }

    /// A log that cannot be written must not stop the program.
    private static func write(_ bytes: [UInt8], to descriptor: CInt) {
        var done = 0
        while done < bytes.count {
            let count = bytes[done...].withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
            if count < 0 {
                if errno == EINTR { continue }
                return
            }
            done += count
        }
    }

    private static func open(_ path: String) throws -> CInt {
        let descriptor = Glibc.open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o640)
        guard descriptor >= 0 else { throw LogFileError(path: path, reason: SystemReason.text(errno)) }
        return descriptor
    }
}

/// The file of `--log-file` cannot be opened.
struct LogFileError: Error, CustomStringConvertible {
    let path: String
    let reason: String

    var description: String { "--log-file: '\(path)' cannot be opened: \(reason)" }
}

/// The format of log lines.
enum LogFormat: String, ExpressibleByArgument, CaseIterable {
    /// `2026-11-22T21:58:00.123456789Z warning subscription lost, reconnecting cause="..." redis=127.0.0.1:6379`
    case text
    /// One JSON object per line: `time`, `level`, `message`, and the metadata as further members, all strings.
    case json

    /// - Parameters:
    ///   - time: nanoseconds since 1970.
    ///   - metadata: sorted by the caller.
    func line(
        time: UInt64, level: Logger.Level, message: String, metadata: [(key: String, value: String)]
    ) -> [UInt8] {
        switch self {
        case .text: Self.text(time: time, level: level, message: message, metadata: metadata)
        case .json: Self.json(time: time, level: level, message: message, metadata: metadata)
        }
    }

    private static func text(
        time: UInt64, level: Logger.Level, message: String, metadata: [(key: String, value: String)]
    ) -> [UInt8] {
        var line: [UInt8] = []
        UTCTime.appendRFC3339(time, to: &line)
        line.append(UInt8(ascii: " "))
        line.append(contentsOf: level.rawValue.utf8)
        line.append(UInt8(ascii: " "))
        // One event must be one line, whatever text a server sent.
        for scalar in message.unicodeScalars {
            line.append(contentsOf: UTF8.encode(PrintableText.steers(scalar) ? " " : scalar) ?? .init())
        }
        for (key, value) in metadata {
            line.append(UInt8(ascii: " "))
            line.append(contentsOf: key.utf8)
            line.append(UInt8(ascii: "="))
            if value.unicodeScalars.allSatisfy({ $0 != " " && $0 != "\"" && !PrintableText.steers($0) }), !value.isEmpty
            {
                line.append(contentsOf: value.utf8)
            } else {
                append(quoted: value, to: &line)
            }
        }
        line.append(UInt8(ascii: "\n"))
        return line
    }

    private static func json(
        time: UInt64, level: Logger.Level, message: String, metadata: [(key: String, value: String)]
    ) -> [UInt8] {
        var writer = JSONWriter()
        writer.raw("{")
        writer.member("time", UTCTime.rfc3339(time))
        writer.member("level", level.rawValue)
        writer.member("message", message)
        for (key, value) in metadata { writer.member(key, value) }
        writer.raw("}")
        return Array(PrintableText.json(String(decoding: writer.bytes, as: UTF8.self)).utf8) + [UInt8(ascii: "\n")]
    }

    private static func append(quoted text: String, to line: inout [UInt8]) {
        var writer = JSONWriter()
        writer.string(text)
        line.append(contentsOf: PrintableText.json(String(decoding: writer.bytes, as: UTF8.self)).utf8)
    }
}
