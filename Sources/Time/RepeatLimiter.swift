/// Keeps a message that comes again and again from flooding a log: a few at once, then as many an interval, and how many were
/// left out.
///
/// Messages are the constant part of a log line; what varies is in their metadata. Times are monotonic, in nanoseconds.
package struct RepeatLimiter: Sendable {
    /// What was left out of the log.
    package struct Omitted: Equatable, Sendable {
        /// The text of the line.
        package let message: String
        /// How often it came.
        package let count: Int

        /// A line, and how often it came.
        package init(message: String, count: Int) {
            self.message = message
            self.count = count
        }
    }

    private struct Window {
        var began: UInt64
        var admitted = 0
        var omitted = 0
    }

    private let burst: Int
    private let interval: UInt64
    private let limit: Int
    private var windows: [String: Window] = [:]
    /// No window ends before.
    private var nextEnd = UInt64.max

    /// - Parameters:
    ///   - burst: lines of one message in one interval.
    ///   - interval: from the first of them, in nanoseconds.
    ///   - limit: different messages that are watched at once; further ones are written rather than lost.
    package init(burst: Int, interval: UInt64, limit: Int) {
        self.burst = burst
        self.interval = interval
        self.limit = limit
    }

    /// - Returns: nil if the line should be left out; else how many were, in the interval before, and are not told yet.
    package mutating func admit(_ message: String, at now: UInt64) -> Int? {
        var window = windows[message] ?? Window(began: now)
        var untold = 0
        if now >= window.began + interval {
            untold = window.omitted
            window = Window(began: now)
        }
        guard windows[message] != nil || windows.count < limit else { return 0 }
        nextEnd = min(nextEnd, window.began + interval)
        defer { windows[message] = window }
        guard window.admitted < burst else {
            window.omitted += 1
            return nil
        }
        window.admitted += 1
        return untold
    }

    /// Ends the intervals that are over.
    ///
    /// - Parameter all: ends all of them, at the end of the program.
    /// - Returns: what they left out, by message: would stay untold, if no more came.
    package mutating func ended(at now: UInt64, all: Bool = false) -> [Omitted] {
        guard all || now >= nextEnd else { return [] }
        nextEnd = .max
        var omitted: [Omitted] = []
        for (message, window) in windows {
            if all || now >= window.began + interval {
                windows[message] = nil
                if window.omitted > 0 { omitted.append(Omitted(message: message, count: window.omitted)) }
            } else {
                nextEnd = min(nextEnd, window.began + interval)
            }
        }
        return omitted.sorted { $0.message < $1.message }
    }
}
