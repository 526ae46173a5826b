package import Logging

/// Writes lines that may come again and again into the log: of each kind one line a second, and at its end how many were held back.
package struct EventLog: Sendable {
    /// Kinds that are told apart; a limit, where the code names far fewer.
    private static let kindLimit = 64

    private let logger: Logger
    private var limiters: [String: LogLimiter] = [:]

    package init(_ logger: Logger) {
        self.logger = logger
    }

    /// - Parameters:
    ///   - kind: what the line is about; lines of one kind hold back no other.
    ///   - now: monotonic, in nanoseconds.
    package mutating func write(
        _ level: Logger.Level, _ message: Logger.Message, kind: String, at now: UInt64,
        _ metadata: @autoclosure () -> Logger.Metadata
    ) {
        let key = limiters[kind] != nil || limiters.count < Self.kindLimit ? kind : "other"
        guard let suppressed = limiters[key, default: LogLimiter()].admit(at: now) else { return }
        var metadata = metadata()
        if suppressed > 0 { metadata["suppressed"] = "\(suppressed)" }
        logger.log(level: level, message, metadata: metadata)
    }

    /// Says what is held back, and would stay so if no more came.
    ///
    /// - Parameter now: as above; `.max` at the stop.
    package mutating func flush(at now: UInt64) {
        for kind in limiters.keys.sorted() {
            guard let suppressed = limiters[kind]?.flush(at: now) else { continue }
            logger.warning(
                "more of the same, not logged one by one",
                metadata: ["event": "\(kind)", "suppressed": "\(suppressed)"])
        }
    }
}

/// Keeps a repeated log line from flooding the log: one a second, then how many were left out.
///
/// For lines of one kind; ``flush(at:)`` says what it holds back when no more come.
package struct LogLimiter: Sendable {
    static let interval: UInt64 = 1_000_000_000

    private var nextAt: UInt64 = 0
    private var suppressed = 0

    package init() {}

    /// - Parameter now: monotonic, in nanoseconds.
    /// - Returns: nil if the line should be left out; else how many were, since the last one written.
    package mutating func admit(at now: UInt64) -> Int? {
        guard now >= nextAt else {
            suppressed += 1
            return nil
        }
        nextAt = now + Self.interval
        defer { suppressed = 0 }
        return suppressed
    }

    /// - Parameter now: as above; `.max` at the end.
    /// - Returns: how many lines are held back and would stay so, if no more come; nil for none, or not yet.
    package mutating func flush(at now: UInt64) -> Int? {
        guard suppressed > 0, now >= nextAt else { return nil }
        defer { suppressed = 0 }
        return suppressed
    }
}
