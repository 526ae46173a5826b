import Foundation
import TestSupport
import Testing
import Time

@Suite struct CivilDateTests {
    @Test func `days and dates are the same in both directions`() throws {
        // All days of 801 years, around every rule about leap years.
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
