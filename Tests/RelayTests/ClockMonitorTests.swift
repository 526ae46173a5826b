import Capture
import Testing
import Time

@testable import Relay

@Suite struct ClockMonitorTests {
    private static let second: UInt64 = 1_000_000_000

    /// Both clocks, starting at 100 s and 10 s, and their progress in milliseconds; the detected step in milliseconds.
    static let steps: [(byDay: Int64, passed: UInt64, step: Int64?)] = [
        (1_000, 1_000, nil), (0, 0, nil), (1_049, 1_000, nil), (951, 1_000, nil), (1_050, 1_000, 50),
        (950, 1_000, -50), (3_601_000, 1_000, 3_600_000), (-59_000, 1_000, -60_000), (5_000, 0, 5_000),
        (0, 86_400_000, -86_400_000),
    ]

    @Test(arguments: steps) func aStepIsDetectedOnce(byDay: Int64, passed: UInt64, step: Int64?) {
        var monitor = ClockMonitor()
        #expect(monitor.observe(Moment(realtime: 100 * Self.second, monotonic: 10 * Self.second)) == nil)
        let realtime = UInt64(100_000 + byDay) * 1_000_000
        let monotonic = 10 * Self.second + passed * 1_000_000
        #expect(monitor.observe(Moment(realtime: realtime, monotonic: monotonic)) == step.map { $0 * 1_000_000 })
        #expect(monitor.observe(Moment(realtime: realtime + Self.second, monotonic: monotonic + Self.second)) == nil)
    }
}
