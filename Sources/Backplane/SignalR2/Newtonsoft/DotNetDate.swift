import Time

/// Strings that Newtonsoft.Json takes for a time: its reader parses them into a `DateTime`, and its writer uses a
/// single format, so that a client's string may come out changed.
///
/// `2020-01-02T03:04:05.1200Z` becomes `2020-01-02T03:04:05.12Z`, `/Date(0)/` becomes `1970-01-01T00:00:00Z`. A time
/// with an offset becomes the node's local time; this node uses UTC.
///
/// Source: `Utilities/DateTimeUtils.cs` of Newtonsoft.Json.
enum DotNetDate {
    private static let ticksPerSecond: Int64 = 10_000_000
    private static let secondsPerDay: Int64 = 86_400

    /// - Returns: nil if the real reader does not take it for a time.
    static func rewritten(_ text: String) -> String? {
        let bytes = Array(text.utf8)
        guard let first = bytes.first else { return nil }
        if first == UInt8(ascii: "/") { return microsoft(bytes) }
        guard (19...40).contains(bytes.count), bytes[10] == UInt8(ascii: "T"), isDigit(first) else { return nil }
        return iso(bytes)
    }

    // MARK: - Forms

    private static func iso(_ bytes: [UInt8]) -> String? {
        guard let year = number(bytes[0..<4]), bytes[4] == UInt8(ascii: "-"), let month = number(bytes[5..<7]),
            bytes[7] == UInt8(ascii: "-"), let day = number(bytes[8..<10]), let hour = number(bytes[11..<13]),
            bytes[13] == UInt8(ascii: ":"), let minute = number(bytes[14..<16]), bytes[16] == UInt8(ascii: ":"),
            let second = number(bytes[17..<19]), year > 0,
            let date = CivilDate(year: Int(year), month: Int(month), day: Int(day)), hour <= 24, minute < 60,
            second < 60, hour < 24 || (minute == 0 && second == 0)
        else { return nil }
        var rest = bytes[19...]
        var fraction: Int64 = 0
        if rest.first == UInt8(ascii: ".") {
            let digits = rest.dropFirst().prefix(while: isDigit)
            // .NET keeps seven.
            guard !digits.isEmpty, digits.count <= 7, let value = number(digits) else { return nil }
            fraction = value
            for _ in digits.count..<7 { fraction *= 10 }
            rest = rest.dropFirst(1 + digits.count)
        }
        guard hour < 24 || fraction == 0 else { return nil }
        let days = Int64(date.daysSince1970 + daysBefore1970)
        let seconds = days * secondsPerDay + hour * 3_600 + minute * 60 + second
        let ticks = seconds * ticksPerSecond + fraction
        if rest.isEmpty { return text(ticks, zone: "") }
        if rest.elementsEqual("Z".utf8) { return text(ticks, zone: "Z") }
        return offset(rest).flatMap { text(ticks - $0 * ticksPerSecond, zone: "+00:00") }
    }

    /// `/Date(1198908717056)/`, with an offset after the milliseconds for a local time.
    private static func microsoft(_ bytes: [UInt8]) -> String? {
        let (head, tail) = (Array("/Date(".utf8), Array(")/".utf8))
        guard bytes.count >= head.count + tail.count + 1, bytes.starts(with: head),
            bytes.suffix(tail.count).elementsEqual(tail)
        else { return nil }
        let inner = bytes[head.count..<bytes.count - tail.count]
        let sign = inner.dropFirst().firstIndex { $0 == UInt8(ascii: "+") || $0 == UInt8(ascii: "-") }
        let digits = sign.map { inner[..<$0] } ?? inner
        guard let milliseconds = Int64(String(decoding: digits, as: UTF8.self)),
            sign.map({ offset(inner[$0...]) != nil }) ?? true
        else { return nil }
        let (ticks, overflow) = milliseconds.multipliedReportingOverflow(by: ticksPerSecond / 1_000)
        let (sum, carry) = ticks.addingReportingOverflow(unixEpochSeconds * ticksPerSecond)
        guard !overflow, !carry else { return nil }
        return text(sum, zone: sign == nil ? "Z" : "+00:00")
    }

    /// `+01:00`, `+0100` or `+01`, in seconds.
    private static func offset(_ text: ArraySlice<UInt8>) -> Int64? {
        guard let sign = text.first, sign == UInt8(ascii: "+") || sign == UInt8(ascii: "-") else { return nil }
        let digits = text.dropFirst().filter { $0 != UInt8(ascii: ":") }
        guard digits.count == 2 || digits.count == 4, text.count - 1 - digits.count <= 1,
            let hours = number(digits.prefix(2)), let minutes = digits.count == 2 ? 0 : number(digits.suffix(2)),
            hours < 24, minutes < 60
        else { return nil }
        return (sign == UInt8(ascii: "-") ? -1 : 1) * (hours * 3_600 + minutes * 60)
    }

    // MARK: - Calendar

    private static let unixEpochSeconds: Int64 = 62_135_596_800
    /// Since the first of January of the year 1.
    private static let daysBefore1970 = 719_162

    /// - Parameter ticks: since the first of January of the year 1.
    private static func text(_ ticks: Int64, zone: String) -> String? {
        guard DotNetTicks(rawValue: ticks).isDateTime else { return nil }
        let (seconds, fraction) = ticks.quotientAndRemainder(dividingBy: ticksPerSecond)
        let (days, ofDay) = seconds.quotientAndRemainder(dividingBy: secondsPerDay)
        let date = CivilDate(daysSince1970: Int(days) - daysBefore1970)
        var text = "\(padded(date.year, 4))-\(padded(date.month, 2))-\(padded(date.day, 2))"
        text += "T\(padded(ofDay / 3_600, 2)):\(padded(ofDay / 60 % 60, 2)):\(padded(ofDay % 60, 2))"
        if fraction > 0 {
            var digits = padded(fraction, 7)
            while digits.hasSuffix("0") { digits.removeLast() }
            text += "." + digits
        }
        return text + zone
    }

    private static func padded(_ number: some BinaryInteger, _ digits: Int) -> String {
        let text = "\(number)"
        return String(repeating: "0", count: max(0, digits - text.utf8.count)) + text
    }

    private static func number(_ digits: some Collection<UInt8>) -> Int64? {
        guard digits.allSatisfy(isDigit) else { return nil }
        return Int64(String(decoding: Array(digits), as: UTF8.self))
    }

    private static func isDigit(_ byte: UInt8) -> Bool {
        (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
    }
}
