/// Converts nanoseconds since 1970 to text and back. No calendar library: `cat` formats two of these per envelope.
package enum UTCTime {
    /// Bytes of a time with nanoseconds, `2026-11-22T21:58:00.123456789Z`.
    package static let rfc3339Length = 30

    /// `2026-11-22T21:58:00.123456789Z`, RFC 3339 with nanoseconds.
    package static func rfc3339(_ nanoseconds: UInt64) -> String {
        var bytes: [UInt8] = []
        appendRFC3339(nanoseconds, to: &bytes)
        return String(decoding: bytes, as: UTF8.self)
    }

    /// - Parameter nanoseconds: since 1970.
    package static func appendRFC3339(_ nanoseconds: UInt64, to bytes: inout [UInt8]) {
        bytes.append(addingCapacity: rfc3339Length) { appendRFC3339(nanoseconds, to: &$0) }
    }

    /// - Parameter nanoseconds: since 1970.
    /// - Precondition: there is room for ``rfc3339Length`` bytes.
    package static func appendRFC3339(_ nanoseconds: UInt64, to bytes: inout OutputSpan<UInt8>) {
        let time = BrokenDown(nanoseconds)
        bytes.append(time.date)
        bytes.append(UInt8(ascii: "T"))
        bytes.append(time.hour, digits: 2)
        bytes.append(UInt8(ascii: ":"))
        bytes.append(time.minute, digits: 2)
        bytes.append(UInt8(ascii: ":"))
        bytes.append(time.second, digits: 2)
        bytes.append(UInt8(ascii: "."))
        bytes.append(time.nanosecond, digits: 9)
        bytes.append(UInt8(ascii: "Z"))
    }

    /// `20261122T215800.123Z`, for file names: sorts chronologically.
    package static func fileStamp(_ nanoseconds: UInt64) -> String {
        let time = BrokenDown(nanoseconds)
        let bytes = [UInt8](capacity: 20) { bytes in
            bytes.append(time.date.year, digits: 4)
            bytes.append(time.date.month, digits: 2)
            bytes.append(time.date.day, digits: 2)
            bytes.append(UInt8(ascii: "T"))
            bytes.append(time.hour, digits: 2)
            bytes.append(time.minute, digits: 2)
            bytes.append(time.second, digits: 2)
            bytes.append(UInt8(ascii: "."))
            bytes.append(time.nanosecond / 1_000_000, digits: 3)
            bytes.append(UInt8(ascii: "Z"))
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// `2026-11-22`.
    ///
    /// - Parameter seconds: since 1970, negative before.
    package static func date(unixSeconds seconds: Int) -> String {
        let days = (seconds >= 0 ? seconds : seconds - 86_399) / 86_400
        return String(
            decoding: [UInt8](capacity: 10) { $0.append(CivilDate(daysSince1970: days)) }, as: UTF8.self)
    }

    /// Parses RFC 3339: date, `T` or a space, time with up to nine decimals, `Z` or an offset.
    ///
    /// - Returns: nil if it is invalid, or before 1970.
    package static func parse(_ text: String) -> UInt64? {
        var scanner = Scanner(bytes: Array(text.utf8))
        guard let year = scanner.number(digits: 4), scanner.take("-"), let month = scanner.number(digits: 2),
            scanner.take("-"), let day = scanner.number(digits: 2),
            scanner.take("T") || scanner.take("t") || scanner.take(" "),
            let hour = scanner.number(digits: 2), scanner.take(":"), let minute = scanner.number(digits: 2),
            scanner.take(":"), let second = scanner.number(digits: 2),
            year >= 1970, let date = CivilDate(year: year, month: month, day: day), hour < 24, minute < 60, second < 61
        else { return nil }
        guard let nanosecond = scanner.take(".") ? scanner.fraction() : 0 else { return nil }
        guard let offset = scanner.offset(), scanner.isAtEnd else { return nil }
        let seconds = date.daysSince1970 * 86_400 + hour * 3_600 + minute * 60 + second - offset
        guard seconds >= 0, seconds < Int(UInt64.max / 1_000_000_000) else { return nil }
        return UInt64(seconds) * 1_000_000_000 + UInt64(nanosecond)
    }

    // MARK: - Private

    private struct BrokenDown {
        let date: CivilDate
        let hour, minute, second, nanosecond: Int

        init(_ nanoseconds: UInt64) {
            nanosecond = Int(nanoseconds % 1_000_000_000)
            let seconds = nanoseconds / 1_000_000_000
            // 32 bits for the divisions halve their cost.
            let secondOfDay = UInt32(truncatingIfNeeded: seconds % 86_400)
            second = Int(secondOfDay % 60)
            minute = Int(secondOfDay / 60 % 60)
            hour = Int(secondOfDay / 3_600)
            date = CivilDate(daysSince1970: Int(seconds / 86_400))
        }
    }

    private struct Scanner {
        let bytes: [UInt8]
        var position = 0

        var isAtEnd: Bool { position == bytes.count }

        mutating func take(_ character: Unicode.Scalar) -> Bool {
            guard position < bytes.count, bytes[position] == UInt8(ascii: character) else { return false }
            position += 1
            return true
        }

        mutating func digit() -> Int? {
            guard position < bytes.count, (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(bytes[position]) else {
                return nil
            }
            defer { position += 1 }
            return Int(bytes[position] - UInt8(ascii: "0"))
        }

        mutating func number(digits: Int) -> Int? {
            var number = 0
            for _ in 0..<digits {
                guard let digit = digit() else { return nil }
                number = number * 10 + digit
            }
            return number
        }

        /// Up to nine decimals, in nanoseconds.
        mutating func fraction() -> Int? {
            guard var fraction = digit() else { return nil }
            var count = 1
            while let digit = digit() {
                guard count < 9 else { return nil }
                fraction = fraction * 10 + digit
                count += 1
            }
            for _ in count..<9 { fraction *= 10 }
            return fraction
        }

        /// `Z` or `+hh:mm`, in seconds east of UTC.
        mutating func offset() -> Int? {
            if take("Z") || take("z") { return 0 }
            let sign = take("+") ? 1 : take("-") ? -1 : 0
            guard sign != 0, let hours = number(digits: 2), take(":"), let minutes = number(digits: 2), hours < 24,
                minutes < 60
            else { return nil }
            return sign * (hours * 3_600 + minutes * 60)
        }
    }
}

extension OutputSpan<UInt8> {
    /// `2026-11-22`.
    @inline(__always)
    fileprivate mutating func append(_ date: CivilDate) {
        append(date.year, digits: 4)
        append(UInt8(ascii: "-"))
        append(date.month, digits: 2)
        append(UInt8(ascii: "-"))
        append(date.day, digits: 2)
    }

    /// Zero-padded; excess leading digits are dropped. Overflow traps.
    @inline(__always)
    fileprivate mutating func append(_ number: Int, digits: Int) {
        precondition(digits <= freeCapacity)
        withUnsafeMutableBufferPointer { buffer, count in
            var rest = UInt32(truncatingIfNeeded: number)
            for index in stride(from: count + digits - 1, through: count, by: -1) {
                buffer[index] = UInt8(ascii: "0") + UInt8(truncatingIfNeeded: rest % 10)
                rest /= 10
            }
            count += digits
        }
    }
}

/// A day of the proleptic Gregorian calendar, the only calendar in the program.
package struct CivilDate: Equatable, Sendable {
    /// Of the Gregorian calendar, also before it was in use.
    package let year: Int
    /// 1 to 12.
    package let month: Int
    /// 1 to 31.
    package let day: Int

    /// - Returns: nil for a day that does not exist.
    package init?(year: Int, month: Int, day: Int) {
        guard (0...9_999).contains(year), (1...12).contains(month),
            (1...Self.daysIn(month: month, year: year)).contains(day)
        else { return nil }
        (self.year, self.month, self.day) = (year, month, day)
    }

    /// - Parameter days: since 1970-01-01; clamped to March of the year 0.
    package init(daysSince1970 days: Int) {
        // Howard Hinnant's civil_from_days: eras of 400 years that begin in March. 32 bits for the divisions halve
        // their cost.
        let days = UInt32(clamping: days + Self.daysBefore1970)
        let era = days / 146_097
        let dayOfEra = days - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1_460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let monthFromMarch = (5 * dayOfYear + 2) / 153
        day = Int(dayOfYear - (153 * monthFromMarch + 2) / 5 + 1)
        month = Int(monthFromMarch < 10 ? monthFromMarch + 3 : monthFromMarch - 9)
        year = Int(yearOfEra + era * 400) + (month <= 2 ? 1 : 0)
    }

    /// Negative before.
    package var daysSince1970: Int {
        let year = month <= 2 ? self.year - 1 : self.year
        let era = (year >= 0 ? year : year - 399) / 400
        let yearOfEra = year - era * 400
        let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
        return era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - Self.daysBefore1970
    }

    /// From March of the year 0.
    private static let daysBefore1970 = 719_468

    private static func daysIn(month: Int, year: Int) -> Int {
        switch month {
        case 2: year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) ? 29 : 28
        case 4, 6, 9, 11: 30
        default: 31
        }
    }
}
