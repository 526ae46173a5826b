import Backplane
import Testing

@testable import Relay

@Suite struct ActiveSignalsTests {
    private func insert(_ number: Int, into signals: inout ActiveSignals) {
        Array("hg-chatHub.room-\(number)".utf8).withUnsafeBytes { signals.insert($0) }
    }

    /// Six times the standard error of 1,024 registers: the hash has a different seed each time.
    private func tolerance(_ count: Int) -> Int { max(2, Int(Double(count) * 6 * 0.0325)) }

    @Test(arguments: [0, 1, 2, 10, 100, 1_000, 3_000, 10_000, 50_000]) func countsDistinctSignals(count: Int) {
        var signals = ActiveSignals()
        for _ in 0..<2 {
            for number in 0..<count { insert(number, into: &signals) }
        }
        #expect(abs(signals.count - count) <= tolerance(count), "\(signals.count)")
    }

    @Test func signalsExpireAfterTheWindow() {
        var signals = ActiveSignals()
        signals.advance(to: 1_000)
        for number in 0..<500 { insert(number, into: &signals) }
        signals.advance(to: 1_050)
        for number in 400..<900 { insert(number, into: &signals) }
        #expect(abs(signals.count - 900) <= tolerance(900))
        signals.advance(to: 1_099)
        #expect(abs(signals.count - 900) <= tolerance(900))
        signals.advance(to: 1_100)
        #expect(abs(signals.count - 500) <= tolerance(500))
        signals.advance(to: 1_150)
        #expect(signals.count == 0)
        insert(1, into: &signals)
        signals.advance(to: 9_000)
        #expect(signals.count == 0)
    }

    /// A continuously active signal must not expire because it was first seen long ago.
    @Test func aContinuouslyActiveSignal() {
        var signals = ActiveSignals()
        for second in 1_000..<1_400 as Range<UInt64> {
            signals.advance(to: second)
            for _ in 0..<50 { insert(1, into: &signals) }
            #expect(signals.count == 1)
        }
        signals.advance(to: 1_500)
        #expect(signals.count == 0)
    }

    @Test func floorOfTheLastFiveMinutes() {
        var floor = LatencyFloor()
        #expect(floor.value == nil)
        floor.observe(5_000_000)
        floor.observe(-2_000_000)
        #expect(floor.value == -2_000_000)
        floor.advance(to: 60)
        floor.observe(1_000_000)
        floor.advance(to: 299)
        #expect(floor.value == -2_000_000)
        floor.advance(to: 300)
        #expect(floor.value == 1_000_000)
        floor.advance(to: 3_000)
        #expect(floor.value == nil)
    }
}
