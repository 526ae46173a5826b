import ArgumentParser
import Logging

struct LogOptions: ParsableArguments {
    @Option(help: ArgumentHelp("Lowest severity to log.", valueName: "level"))
    var logLevel: LogLevel = .info

    @Option(help: ArgumentHelp("Log format: text, or json (one object per line).", valueName: "format"))
    var logFormat: LogFormat = .text

    @Option(help: ArgumentHelp("File to log to instead of standard error; reopened at SIGHUP.", valueName: "file"))
    var logFile: String?

    /// The log; results go to standard output.
    func makeLog() throws -> Log {
        let destination =
            if let logFile { try LogDestination.file(logFile, format: logFormat) } else {
                LogDestination.standardError(format: logFormat)
            }
        return Log(destination: destination, level: logLevel.level)
    }
}

enum LogLevel: String, ExpressibleByArgument, CaseIterable {
    case trace, debug, info, notice, warning, error, critical

    var level: Logger.Level { Logger.Level(rawValue: rawValue) ?? .info }
}

/// The log of one command.
struct Log: Sendable {
    let destination: LogDestination
    let logger: Logger

    init(destination: LogDestination, level: Logger.Level) {
        self.destination = destination
        logger = Logger(label: "backplane-relay") { _ in LineLogHandler(destination: destination, logLevel: level) }
    }
}

/// Writes each event as one line into a ``LogDestination``.
struct LineLogHandler: LogHandler {
    let destination: LogDestination
    var logLevel: Logger.Level
    var metadata: Logger.Metadata = [:]
    var metadataProvider: Logger.MetadataProvider?

    init(destination: LogDestination, logLevel: Logger.Level) {
        self.destination = destination
        self.logLevel = logLevel
    }

    func log(event: LogEvent) {
        var all = metadata
        if let provided = metadataProvider?.get() { all.merge(provided) { $1 } }
        if let own = event.metadata { all.merge(own) { $1 } }
        destination.write(
            level: event.level, message: "\(event.message)",
            metadata: all.sorted { $0.key < $1.key }.map { (key: $0.key, value: "\($0.value)") })
    }

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }
}
