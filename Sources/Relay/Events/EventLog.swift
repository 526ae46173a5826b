package import Logging
import Time

/// Writes lines that may come again and again into the log: of each kind one line a second, and at its end how many were held back.
package struct EventLog: Sendable {
    /// Kinds that are told apart; a limit, where the code names far fewer.
    private static let kindLimit = 64

    private let logger: Logger
    private var limiter = RepeatLimiter(burst: 1, interval: 1_000_000_000, limit: Self.kindLimit)

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
        guard let suppressed = limiter.admit(kind, at: now) else { return }
        var metadata = metadata()
        if suppressed > 0 { metadata["suppressed"] = "\(suppressed)" }
        logger.log(level: level, message, metadata: metadata)
    }

    /// Says what is held back, and would stay so if no more came.
    ///
    /// - Parameter now: as above; `.max` at the stop.
    package mutating func flush(at now: UInt64) {
        for kept in limiter.ended(at: now) {
            logger.warning(
                "similar events, not logged individually",
                metadata: ["event": "\(kept.message)", "suppressed": "\(kept.count)"])
        }
    }
}
