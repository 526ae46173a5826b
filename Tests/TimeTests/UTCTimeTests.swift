import Foundation
import TestSupport
import Testing

@testable import Time

@Suite struct UTCTimeTests {
    static let bothWays: [(UInt64, String)] = [
        (0, "1970-01-01T00:00:00.000000000Z"),
        (1, "1970-01-01T00:00:00.000000001Z"),
        (86_399_999_999_999, "1970-01-01T23:59:59.999999999Z"),
        (68_169_600_000_000_000, "1972-02-29T00:00:00.000000000Z"),
        (951_782_400_000_000_000, "2000-02-29T00:00:00.000000000Z"),
        (951_868_800_000_000_000, "2000-03-01T00:00:00.000000000Z"),
        (1_767_225_599_123_456_789, "2025-12-31T23:59:59.123456789Z"),
        (4_107_542_400_000_000_000, "2100-03-01T00:00:00.000000000Z"),
        (.max - 1_709_551_615, "2554-07-21T23:34:32.000000000Z"),
    ]

    @Test(arguments: bothWays) func formatsAndParses(nanoseconds: UInt64, text: String) {
        #expect(UTCTime.rfc3339(nanoseconds) == text)
        #expect(UTCTime.parse(text) == nanoseconds)
    }

    static let parsedOnly: [(String, UInt64)] = [
        ("1970-01-01T00:00:01Z", 1_000_000_000),
        ("1970-01-01t00:00:01z", 1_000_000_000),
        ("1970-01-01 00:00:01Z", 1_000_000_000),
        ("1970-01-01T00:00:00.5Z", 500_000_000),
        ("1970-01-01T00:00:00.123456Z", 123_456_000),
        ("1970-01-01T01:00:00+01:00", 0),
        ("1970-01-01T00:00:00-00:30", 1_800_000_000_000),
        ("1970-01-02T13:29:59.25+13:45", 85_499_250_000_000),
        ("2016-12-31T23:59:60Z", 1_483_228_800_000_000_000),
    ]

    @Test(arguments: parsedOnly) func parses(text: String, nanoseconds: UInt64) {
        #expect(UTCTime.parse(text) == nanoseconds)
    }

    @Test(arguments: [
        "", "2026", "2026-11-22", "2026-11-22T21:58:00", "2026-11-22T21:58Z", "1969-12-31T23:59:59Z",
        "1970-01-01T00:00:00+00:01", "2026-00-01T00:00:00Z", "2026-13-01T00:00:00Z", "2026-11-00T00:00:00Z",
        "2026-11-31T00:00:00Z", "2026-02-29T00:00:00Z", "2100-02-29T00:00:00Z", "2026-11-22T24:00:00Z",
        "2026-11-22T21:60:00Z", "2026-11-22T21:58:61Z", "2026-11-22T21:58:00.Z", "2026-11-22T21:58:00.1234567890Z",
        "2026-11-22T21:58:00ZZ", "2026-11-22T21:58:00+1:00", "2026-11-22T21:58:00+24:00", "2026-11-22T21:58:00+01:60",
        "2026-11-22T21:58:00 Z", " 2026-11-22T21:58:00Z", "+026-11-22T21:58:00Z", "٢٠٢٦-11-22T21:58:00Z",
        "9999-12-31T23:59:59Z",
    ])
    func refuses(_ text: String) {
        #expect(UTCTime.parse(text) == nil)
    }

    @Test func agreesWithFoundation() {
        var random = SplitMix64.announced()
        let formatter = ISO8601DateFormatter()
        for _ in 0..<2_000 {
            let seconds = UInt64.random(in: 0..<16_725_225_600, using: &random)
            let fraction = UInt64.random(in: 0..<1_000_000_000, using: &random)
            let digits = String(fraction)
            let padded = String(repeating: "0", count: 9 - digits.count) + digits
            let time = formatter.string(from: Date(timeIntervalSince1970: TimeInterval(seconds)))
            let expected = "\(time.dropLast()).\(padded)Z"
            let nanoseconds = seconds * 1_000_000_000 + fraction
            #expect(UTCTime.rfc3339(nanoseconds) == expected)
            #expect(UTCTime.parse(expected) == nanoseconds)
        }
    }

    @Test func fileStampsSortChronologically() {
        #expect(UTCTime.fileStamp(1_795_384_680_123_999_999) == "20261122T215800.123Z")
        let times: [UInt64] = [
            0, 999_000_000, 1_000_000_000, 86_400_000_000_000, 1_767_225_599_000_000_000, .max,
        ]
        let stamps = times.map(UTCTime.fileStamp)
        #expect(stamps == stamps.sorted())
        #expect(Set(stamps).count == times.count)
    }
}

@Suite struct CivilDateTests {
    @Test func `days and dates are the same in both directions`() throws {
        // All days of 801 years, covering every rule about leap years.
        for days in -146_097...146_400 {
            let date = CivilDate(daysSince1970: days)
            guard date.daysSince1970 == days, CivilDate(year: date.year, month: date.month, day: date.day) == date
            else {
                Issue.record("\(days) is \(date)")
                return
            }
        }
    }

    @Test(arguments: [
        (-719_162, 1, 1, 1), (-719_468, 0, 3, 1), (-1, 1969, 12, 31), (0, 1970, 1, 1), (11_016, 2000, 2, 29),
        (2_932_896, 9_999, 12, 31), (-999_999_999, 0, 3, 1),
    ])
    func `some days`(days: Int, year: Int, month: Int, day: Int) {
        #expect(CivilDate(daysSince1970: days) == CivilDate(year: year, month: month, day: day))
    }

    @Test func `it agrees with the C library`() {
        var random = SplitMix64.announced()
        for _ in 0..<20_000 {
            var seconds = time_t.random(in: -62_135_596_800...253_402_300_799, using: &random)
            var parts = tm()
            gmtime_r(&seconds, &parts)
            let days = (seconds >= 0 ? seconds : seconds - 86_399) / 86_400
            let date = CivilDate(daysSince1970: days)
            if date.year != Int(parts.tm_year) + 1900 || date.month != Int(parts.tm_mon) + 1
                || date.day != Int(parts.tm_mday)
            {
                Issue.record("\(seconds) is \(date)")
            }
        }
    }

    @Test(arguments: [
        (2026, 2, 29), (2100, 2, 29), (2026, 4, 31), (2026, 13, 1), (2026, 0, 1), (2026, 1, 0), (-1, 1, 1),
    ])
    func `no day of the calendar`(year: Int, month: Int, day: Int) {
        #expect(CivilDate(year: year, month: month, day: day) == nil)
    }
}
