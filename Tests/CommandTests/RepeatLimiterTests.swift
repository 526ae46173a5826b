import Testing

@testable import backplane_relay

@Suite struct RepeatLimiterTests {
    private static let interval = RepeatLimiter.interval

    @Test func admitsABurstAndCountsTheRest() {
        var limiter = RepeatLimiter()
        #expect(admitted(20, "gap", by: &limiter, at: 0) == RepeatLimiter.burst)
        #expect(admitted(1, "other", by: &limiter, at: 0) == 1, "each message has its own window")
        #expect(ended(&limiter, at: Self.interval - 1) == [])
        #expect(ended(&limiter, at: Self.interval) == [.init(message: "gap", count: 15)])
        #expect(admitted(1, "gap", by: &limiter, at: Self.interval) == 1, "a new window")
        #expect(ended(&limiter, at: 2 * Self.interval) == [], "nothing was left out")
    }

    @Test func saysWhatIsLeftAtTheEnd() {
        var limiter = RepeatLimiter()
        _ = admitted(8, "b", by: &limiter, at: 5)
        _ = admitted(6, "a", by: &limiter, at: 5)
        #expect(
            ended(&limiter, at: 6, all: true) == [.init(message: "a", count: 1), .init(message: "b", count: 3)])
        #expect(ended(&limiter, at: 7, all: true) == [])
    }

    @Test func watchesABoundedNumberOfMessages() {
        var limiter = RepeatLimiter()
        for number in 0..<RepeatLimiter.limit { _ = admitted(1, "\(number)", by: &limiter, at: 0) }
        #expect(admitted(20, "one more", by: &limiter, at: 0) == 20, "written rather than lost")
    }

    private func admitted(_ count: Int, _ message: String, by limiter: inout RepeatLimiter, at now: UInt64) -> Int {
        var admitted = 0
        for _ in 0..<count where limiter.admit(message, at: now) { admitted += 1 }
        return admitted
    }

    private func ended(
        _ limiter: inout RepeatLimiter, at now: UInt64, all: Bool = false
    ) -> [RepeatLimiter.Omitted] {
        limiter.ended(at: now, all: all)
    }
}
