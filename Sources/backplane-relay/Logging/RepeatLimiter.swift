/// Keeps a message that comes again and again from flooding the log: a few at once, then one an interval, and the next
/// one says how many were left out.
///
/// Messages are the constant part of a log line; what varies is in their metadata.
struct RepeatLimiter {
    /// Lines of one message in one interval.
    static let burst = 5
    /// In nanoseconds.
    static let interval: UInt64 = 10_000_000_000
    /// Different messages that are watched at once; the program has fewer.
    static let limit = 256

    /// What was left out of the log.
    struct Omitted: Equatable {
        let message: String
        let count: Int
    }

    private struct Window {
        var began: UInt64
        var admitted = 0
        var omitted = 0
    }

    private var windows: [String: Window] = [:]
    /// No window ends before.
    private var nextEnd = UInt64.max

    /// - Parameter now: monotonic, in nanoseconds.
    /// - Returns: whether the line is written.
    mutating func admit(_ message: String, at now: UInt64) -> Bool {
        guard windows[message] != nil || windows.count < Self.limit else { return true }
        var window = windows[message] ?? Window(began: now)
        nextEnd = min(nextEnd, window.began + Self.interval)
        if window.admitted < Self.burst {
            window.admitted += 1
            windows[message] = window
            return true
        }
        window.omitted += 1
        windows[message] = window
        return false
    }

    /// Ends the windows whose time is over.
    ///
    /// - Parameter all: ends all of them, at the end of the program.
    /// - Returns: what they left out, by message.
    mutating func ended(at now: UInt64, all: Bool = false) -> [Omitted] {
        guard all || now >= nextEnd else { return [] }
        nextEnd = .max
        var omitted: [Omitted] = []
        for (message, window) in windows {
            if all || now >= window.began + Self.interval {
                windows[message] = nil
                if window.omitted > 0 { omitted.append(Omitted(message: message, count: window.omitted)) }
            } else {
                nextEnd = min(nextEnd, window.began + Self.interval)
            }
        }
        return omitted.sorted { $0.message < $1.message }
    }
}
