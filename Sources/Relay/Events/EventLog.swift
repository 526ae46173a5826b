package import Logging
import Time

/// Logs events that may repeat: at most one line per second and kind, followed by the number of suppressed events.
package struct EventLog: Sendable {
    /// Maximum number of kinds; the code uses far fewer.
    private static let kindLimit = 64

    private let logger: Logger
    private var limiter = RepeatLimiter(burst: 1, interval: 1_000_000_000, limit: Self.kindLimit)

    package init(_ logger: Logger) {
        self.logger = logger
    }

    /// - Parameters:
    ///   - kind: the subject of the line; kinds are limited independently.
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

    /// Reports suppressed events, which would otherwise stay unreported.
    ///
    /// - Parameter now: as above; `.max` when stopping.
    package mutating func flush(at now: UInt64) {
        for kept in limiter.ended(at: now) {
            logger.warning(
                "similar events, not logged individually",
                metadata: ["event": "\(kept.message)", "suppressed": "\(kept.count)"])
        }
    }
}
