import ArgumentParser
import Logging

struct LogOptions: ParsableArguments {
    @Option(help: "Least severe lines to log: trace, debug, info, notice, warning, error, critical.")
    var logLevel: LogLevel = .info

    /// A logger to standard error; results go to standard output.
    func makeLogger() -> Logger {
        var logger = Logger(label: "backplane-relay") { StreamLogHandler.standardError(label: $0) }
        logger.logLevel = logLevel.level
        return logger
    }
}

enum LogLevel: String, ExpressibleByArgument, CaseIterable {
    case trace, debug, info, notice, warning, error, critical

    var level: Logger.Level { Logger.Level(rawValue: rawValue) ?? .info }
}
