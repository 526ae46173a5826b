#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// Local times of this machine: the zone of `TZ`, else of `/etc/localtime`. Times are nanoseconds since 1970.
package enum LocalTime {
    private static let second: UInt64 = 1_000_000_000

    /// A date and time of day without a zone.
    package struct Reading: Equatable, Sendable {
        /// Of the Gregorian calendar.
        package var year: Int
        /// 1 to 12.
        package var month: Int
        /// 1 to 31.
        package var day: Int
        /// Nanoseconds since midnight by the clock, which may differ from the time elapsed.
        package var clock: UInt64
    }

    /// Offset of the local time from UTC, in seconds.
    package static func offset(at nanoseconds: UInt64) -> Int {
        var seconds = time_t(clamping: nanoseconds / second)
        var parts = tm()
        tzset()
        guard localtime_r(&seconds, &parts) != nil else { return 0 }
        return parts.tm_gmtoff
    }

    /// `2026-11-29 07:00:12.123`, in local time.
    package static func text(_ nanoseconds: UInt64, offset: Int) -> String {
        let shifted = Int64(clamping: nanoseconds / second) + Int64(offset)
        let text = UTCTime.rfc3339(UInt64(clamping: shifted) * second + nanoseconds % second)
        return "\(text.prefix(10)) \(text.dropFirst(11).prefix(12))"
    }

    /// `07:00:12`, the local time of day.
    package static func clock(at nanoseconds: UInt64) -> String {
        let text = text(nanoseconds, offset: offset(at: nanoseconds))
        return String(text.dropFirst(11).prefix(8))
    }

    /// Parses `2026-11-29`, `2026-11-29 07:00`, `2026-11-29T07:00:30.5` as local time.
    ///
    /// - Returns: nil if it is invalid. Of an ambiguous time the first is meant; a skipped one is shifted by as much as
    ///   the clock was put forward.
    package static func parse(_ text: String) -> UInt64? {
        let parts = text.split(maxSplits: 1, omittingEmptySubsequences: false) { $0 == " " || $0 == "T" || $0 == "t" }
        // Reuses the existing validation of dates.
        guard let date = parts.first, date.utf8.count == 10, UTCTime.parse("\(date)T00:00:00Z") != nil else {
            return nil
        }
        let numbers = date.split(separator: "-").compactMap { Int($0) }
        guard numbers.count == 3, let clock = parts.count == 2 ? self.clock(String(parts[1])) : 0 else { return nil }
        return time(of: Reading(year: numbers[0], month: numbers[1], day: numbers[2], clock: clock))
    }

    /// Parses `07:00`, `7:00`, `07:00:30`, `07:00:30.25`.
    ///
    /// - Returns: nanoseconds since midnight by the clock.
    package static func clock(_ text: String) -> UInt64? {
        let parts = text.split(separator: ":", omittingEmptySubsequences: false)
        guard (2...3).contains(parts.count), (1...2).contains(parts[0].utf8.count), parts[1].utf8.count == 2 else {
            return nil
        }
        let hour = parts[0].utf8.count == 1 ? "0\(parts[0])" : String(parts[0])
        return UTCTime.parse("1970-01-01T\(hour):\(parts[1]):\(parts.count == 3 ? String(parts[2]) : "00")Z")
    }

    /// The last time up to `end` at which the local clock showed `clock`; midnight of 1970 if there is none.
    package static func last(clock: UInt64, upTo end: UInt64) -> UInt64 {
        let day = reading(of: end)
        for back in 0...2 {
            let candidate = time(of: Reading(year: day.year, month: day.month, day: day.day - back, clock: clock))
            if let candidate, candidate <= end { return candidate }
        }
        return 0
    }

    /// The first time after `start` at which the local clock shows `clock`.
    package static func first(clock: UInt64, after start: UInt64) -> UInt64 {
        let day = reading(of: start)
        for further in 0...2 {
            let candidate = time(of: Reading(year: day.year, month: day.month, day: day.day + further, clock: clock))
            if let candidate, candidate > start { return candidate }
        }
        return start
    }

    private static func reading(of nanoseconds: UInt64) -> Reading {
        var seconds = time_t(clamping: nanoseconds / second)
        var parts = tm()
        tzset()
        localtime_r(&seconds, &parts)
        return Reading(
            year: Int(parts.tm_year) + 1900, month: Int(parts.tm_mon) + 1, day: Int(parts.tm_mday),
            clock: UInt64(clamping: parts.tm_hour * 3_600 + parts.tm_min * 60 + parts.tm_sec) * second)
    }

    /// - Parameter reading: its day may be outside the month.
    /// - Returns: nil for a time before 1970.
    private static func time(of reading: Reading) -> UInt64? {
        let clock = CInt(clamping: reading.clock / second)
        var candidates: [(seconds: time_t, isExact: Bool)] = []
        // With and without daylight saving time, and as the library guesses.
        for daylight: CInt in [1, 0, -1] {
            var parts = tm()
            parts.tm_year = CInt(clamping: reading.year - 1900)
            parts.tm_mon = CInt(clamping: reading.month - 1)
            parts.tm_mday = CInt(clamping: reading.day)
            (parts.tm_hour, parts.tm_min, parts.tm_sec) = (clock / 3_600, clock / 60 % 60, clock % 60)
            parts.tm_isdst = daylight
            let seconds = mktime(&parts)
            guard seconds >= 0 else { continue }
            candidates.append((seconds, parts.tm_hour * 3_600 + parts.tm_min * 60 + parts.tm_sec == clock))
        }
        let exact = candidates.filter(\.isExact).map(\.seconds).min()
        guard let seconds = exact ?? candidates.map(\.seconds).max() else { return nil }
        return UInt64(seconds) * second + reading.clock % second
    }
}
