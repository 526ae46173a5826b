import Testing

@testable import Relay

/// How far a replica is behind, sample by sample.
@Suite struct ReplicaLagTests {
    private static let second: UInt64 = 1_000_000_000

    @Test func lagIsTheTimeSinceTheMasterWasThere() {
        var lag = ReplicaLag()
        #expect(lag.look(replica: 100, master: 100, at: 10 * Self.second) == .init(bytes: 0, nanoseconds: 0))
        // Asked a moment later, the master may only be ahead.
        #expect(lag.look(replica: 300, master: 200, at: 11 * Self.second) == .init(bytes: 0, nanoseconds: 0))
        #expect(
            lag.look(replica: 150, master: 300, at: 12 * Self.second) == .init(bytes: 150, nanoseconds: 1_500_000_000))
        #expect(lag.look(replica: 300, master: 300, at: 13 * Self.second) == .init(bytes: 0, nanoseconds: 0))
        // Nothing was written for a while: it was there until the next byte.
        let idle = lag.look(replica: 300, master: 400, at: 20 * Self.second)
        #expect(idle == .init(bytes: 100, nanoseconds: 7 * Self.second))
    }

    @Test func whatIsOlderThanTheSamplesIsAtLeastThatOld() {
        var lag = ReplicaLag()
        for time in 1...1_000 as ClosedRange<UInt64> {
            let found = lag.look(replica: 1, master: Int64(time) * 10, at: time * Self.second)
            #expect(found.nanoseconds <= 239 * Self.second)
            if time == 1_000 { #expect(found == .init(bytes: 9_999, nanoseconds: 239 * Self.second)) }
        }
        // The master was restarted.
        #expect(lag.look(replica: 0, master: 5, at: 2_000 * Self.second) == .init(bytes: 5, nanoseconds: 0))
        lag.forget()
        #expect(lag.look(replica: 0, master: 9, at: 2_001 * Self.second) == .init(bytes: 9, nanoseconds: 0))
    }
}
