import Foundation
import Testing
import Time

@Suite struct SystemClockTests {
    @Test func `a moment is now`() {
        let before = Moment.now()
        let wall = UInt64(Date().timeIntervalSince1970 * 1e9)
        let after = Moment.now()
        #expect(before.monotonic <= after.monotonic)
        // The resolution of a Double here is some hundred nanoseconds.
        #expect((before.realtime - 1_000_000...after.realtime + 1_000_000).contains(wall))
        #expect(SystemClock.threadSeconds() <= SystemClock.processSeconds() + 0.001)
    }

    @Test(arguments: [
        ("200ms", 200_000_000, "200ms"), ("20s", 20_000_000_000, "20s"), ("90s", 90_000_000_000, "90s"),
        ("15m", 900_000_000_000, "15m"), ("1.5h", 5_400_000_000_000, "90m"), ("7d", 604_800_000_000_000, "168h"),
    ])
    func `durations as text`(text: String, nanoseconds: UInt64, written: String) {
        #expect(TimeSpan(text)?.nanoseconds == nanoseconds)
        #expect(TimeSpan(text)?.description == written)
    }

    @Test(arguments: ["", "s", "5", "0s", "-1s", "nans", "infs", "5 s", "1e10d"])
    func `no duration`(text: String) {
        #expect(TimeSpan(text) == nil)
    }
}
